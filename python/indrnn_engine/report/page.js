"use strict";
const page = JSON.parse(document.getElementById("data").textContent);
const main = document.getElementById("page");
const tip = document.getElementById("tip");
const COLOURS = ["#c8553d", "#3b6ea8", "#2f8f5b", "#9a5bb5", "#c48a1b", "#5a6472", "#d0679d", "#1f9aa6"];
const W = 420, H = 230, LEFT = 52, RIGHT = 10, TOP = 8, BOTTOM = 24;

function element(name, parent, text, attributes = {}) {
  const svg = ["svg", "path", "line", "rect", "text", "circle"].includes(name);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  if (parent) parent.append(made);
  return made;
}
const short = (x) => x === null ? "-" : typeof x === "number" ? String(+x.toPrecision(4)) : String(x);
const named = (name) => name.replaceAll("_", " ");

function showTip(event, text) {
  tip.textContent = text;
  tip.hidden = false;
  tip.style.left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8) + "px";
  tip.style.top = event.clientY + 14 + "px";
}
const hideTip = () => { tip.hidden = true; };

// Curves: one panel for each metric, one line for each run and split; the mouse reads the values off.
function seriesOf(metric) {
  const series = [];
  page.runs.forEach((run, number) => {
    for (const [split, points] of Object.entries(run.curves[metric] || {})) {
      const colour = page.runs.length > 1 ? COLOURS[number % COLOURS.length]
        : { train: COLOURS[1], validation: COLOURS[0], test: COLOURS[2] }[split] || COLOURS[3];
      const name = page.runs.length > 1 ? `${run.name} ${split}` : split;
      const known = points.filter((point) => point[1] !== null);
      if (known.length) series.push({ name, split, points: known, colour });
    }
  });
  return series;
}

function chart(metric, parent) {
  const series = seriesOf(metric);
  if (!series.length) return;
  const figure = element("figure", parent, undefined, { "data-metric": metric });
  const caption = element("figcaption", figure, named(metric));
  const values = series.flatMap((one) => one.points.map((point) => point[1]));
  const [least, most] = [Math.min(...values), Math.max(...values)];
  let logarithmic = least > 0 && most > 30 * least && metric !== "accuracy";
  const svg = element("svg", figure, undefined, { viewBox: `0 0 ${W} ${H}` });
  if (least > 0) {
    const button = element("button", caption, "log");
    button.onclick = () => { logarithmic = !logarithmic; draw(); };
  }
  const steps = series.flatMap((one) => one.points.map((point) => point[0]));
  const [first, last] = [Math.min(...steps), Math.max(...steps, Math.min(...steps) + 1)];
  const x = (step) => LEFT + (step - first) / (last - first) * (W - LEFT - RIGHT);

  function draw() {
    svg.replaceChildren();
    const scale = logarithmic ? Math.log10 : (value) => value;
    const low = scale(least), span = scale(most) - low || 1;
    const y = (value) => H - BOTTOM - (scale(value) - low) / span * (H - TOP - BOTTOM);
    for (let tick = 0; tick <= 4; tick++) {
      const level = low + span * tick / 4, at = H - BOTTOM - tick / 4 * (H - TOP - BOTTOM);
      element("line", svg, undefined, { x1: LEFT, x2: W - RIGHT, y1: at, y2: at, stroke: "var(--line)" });
      element("text", svg, short(logarithmic ? 10 ** level : level), { x: LEFT - 5, y: at + 4, "text-anchor": "end" });
      const step = first + (last - first) * tick / 4;
      element("text", svg, short(Math.round(step)), { x: x(step), y: H - 6, "text-anchor": tick ? tick < 4 ? "middle" : "end" : "start" });
    }
    for (const one of series) {
      const path = one.points.map((point, n) => `${n ? "L" : "M"}${x(point[0]).toFixed(1)} ${y(point[1]).toFixed(1)}`).join("");
      element("path", svg, undefined, { d: path, fill: "none", stroke: one.colour, "stroke-width": 1.5,
        "stroke-opacity": one.split === "train" && page.runs.length > 1 ? 0.4 : 1 });
      if (one.points.length < 40) for (const point of one.points)
        element("circle", svg, undefined, { cx: x(point[0]), cy: y(point[1]), r: one.split === "test" ? 4 : 2, fill: one.colour });
    }
    const cursor = element("line", svg, undefined, { y1: TOP, y2: H - BOTTOM, stroke: "var(--faint)", visibility: "hidden" });
    svg.onmousemove = (event) => {
      const box = svg.getBoundingClientRect();
      const step = first + ((event.clientX - box.left) / box.width * W - LEFT) / (W - LEFT - RIGHT) * (last - first);
      const lines = series.map((one) => {
        const near = one.points.reduce((a, b) => Math.abs(b[0] - step) < Math.abs(a[0] - step) ? b : a);
        return `${one.name}: ${short(near[1])} (step ${near[0]})`;
      });
      const at = Math.min(Math.max(x(step), LEFT), W - RIGHT);
      cursor.setAttribute("x1", at); cursor.setAttribute("x2", at); cursor.setAttribute("visibility", "visible");
      showTip(event, lines.join("\n"));
    };
    svg.onmouseleave = () => { cursor.setAttribute("visibility", "hidden"); hideTip(); };
  }
  draw();
  const legend = element("div", figure, undefined, { class: "legend" });
  for (const one of series) element("span", legend, `● ${one.name}`, { style: `color:${one.colour}` });
}

function histogram(layer, parent) {
  const figure = element("figure", parent, undefined, { "data-layer": layer.name });
  const caption = element("figcaption", figure, `layer ${layer.name}`);
  const memory = layer.memory === null ? "endless" : `${short(layer.memory)} steps`;
  element("small", caption, `${layer.neurons} neurons, half-life ${memory}`);
  const svg = element("svg", figure, undefined, { viewBox: "0 0 210 100" });
  const most = Math.max(...layer.counts), width = 200 / layer.counts.length;
  layer.counts.forEach((count, n) => {
    const bar = element("rect", svg, undefined, { x: 5 + n * width, y: 82 - 78 * count / most, width: width * 0.9,
      height: 78 * count / most, fill: COLOURS[1] });
    bar.onmousemove = (event) => showTip(event, `${count} of ${short(layer.edges[n])} to ${short(layer.edges[n + 1])}`);
    bar.onmouseleave = hideTip;
  });
  element("text", svg, short(layer.edges[0]), { x: 5, y: 97 });
  element("text", svg, short(layer.edges.at(-1)), { x: 205, y: 97, "text-anchor": "end" });
}

function confusionTable(confusion, parent) {
  const table = element("table", element("div", parent, undefined, { class: "scroll" }), undefined, { class: "numbers", id: "confusion" });
  const head = element("tr", table);
  element("th", head, "true \\ predicted");
  for (const name of confusion.classes) element("th", head, name);
  confusion.counts.forEach((row, n) => {
    const line = element("tr", table), total = row.reduce((a, b) => a + b, 0) || 1;
    element("th", line, confusion.classes[n]);
    row.forEach((count, m) => {
      const colour = n === m ? "47,143,91" : "200,85,61";
      const cell = element("td", line, count || "", { style: `background:rgba(${colour},${0.75 * count / total})` });
      cell.onmousemove = (event) => showTip(event, `${confusion.classes[n]} taken for ${confusion.classes[m]}: ${count} of ${total}`);
      cell.onmouseleave = hideTip;
    });
  });
}

function flat(value, prefix = "") {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return { [prefix]: value === null ? "none" : JSON.stringify(value) };
  return Object.assign({}, ...Object.entries(value).map(([key, inner]) => flat(inner, prefix ? `${prefix}.${key}` : key)));
}

// One row for each field, one column for each run; of several runs only the fields that differ.
function fields(title, pick) {
  const columns = page.runs.map((run) => flat(pick(run) || {}));
  let keys = [...new Set(columns.flatMap(Object.keys))].filter((key) => key);
  if (page.runs.length > 1 && title !== "Result") keys = keys.filter((key) => new Set(columns.map((one) => one[key])).size > 1);
  if (!keys.length) return;
  element("h2", main, page.runs.length > 1 && title !== "Result" ? `${title}: what differs` : title);
  const table = element("table", element("div", main, undefined, { class: "scroll" }));
  if (page.runs.length > 1) {
    const head = element("tr", table);
    element("th", head, "");
    for (const run of page.runs) element("th", head, run.name);
  }
  for (const key of keys) {
    const line = element("tr", table);
    element("td", line, named(key));
    for (const one of columns) element("td", line, one[key] ?? "");
  }
}

fields("Result", (run) => run.result);
element("h2", main, "Curves");
const curves = element("div", main, undefined, { class: "grid" });
for (const metric of [...new Set(page.runs.flatMap((run) => Object.keys(run.curves)))]) chart(metric, curves);
if (!curves.children.length) element("p", main, "Nothing was recorded yet.", { class: "note" });
if ((page.layers || []).length) {
  element("h2", main, "Recurrent weights");
  const grid = element("div", main, undefined, { class: "grid small" });
  for (const layer of page.layers) histogram(layer, grid);
}
if (page.confusion) {
  element("h2", main, `Confusion, ${page.confusion.split} split`);
  confusionTable(page.confusion, main);
}
if (page.sample) {
  element("h2", main, "Text it writes");
  element("pre", main, page.sample, { id: "sample" });
}
for (const note of page.notes || []) element("p", main, note, { class: "note" });
fields("Data", (run) => ({ ...run.data, parameters: run.parameters }));
fields("Configuration", (run) => run.experiment);
fields("Environment", (run) => run.environment);
document.body.dataset.ready = "yes";
