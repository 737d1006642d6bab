"""`indrnn recipes`, and the way of `indrnn train --recipe NAME` to a command of its own."""

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ..recipes import load, names
from .errors import ErrorGroup

__all__ = ["RecipeGroup", "RecipeName", "recipes"]

FLAG = "--recipe"
PREFIX = "recipe:"

RecipeName = Annotated[
    str | None,
    typer.Option(
        FLAG,
        help="Trains what a paper trained, see `indrnn recipes`; a .toml file of your own, too. "
        "Its own options: --recipe NAME --help.",
        metavar="NAME",
    ),
]


class RecipeGroup(ErrorGroup):
    """Makes `train --recipe NAME` a command of its own, with the recipe's values as defaults."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Put the recipe's name where a data source's would be."""
        for index, argument in enumerate(args):
            if argument.startswith(f"{FLAG}="):
                rest = args[:index] + args[index + 1 :]
                return super().parse_args(ctx, [PREFIX + argument[len(FLAG) + 1 :], *rest])
            if argument == FLAG and index + 1 < len(args):
                rest = args[:index] + args[index + 2 :]
                return super().parse_args(ctx, [PREFIX + args[index + 1], *rest])
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command; that of a recipe is called as it was asked for."""
        name, command, rest = super().resolve_command(ctx, args)
        if name is not None and name.startswith(PREFIX):
            name = f"{FLAG} {name[len(PREFIX) :]}"
        return name, command, rest

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Make the command of a recipe, or give that of a data source."""
        if cmd_name.startswith(PREFIX):
            return recipe_command(cmd_name[len(PREFIX) :])
        return super().get_command(ctx, cmd_name)


def recipe_command(name: str) -> Any:
    """Make the command behind `indrnn train --recipe NAME`."""
    from .train import make_command

    recipe = load(name)
    app = typer.Typer(add_completion=False)
    published = f" Published: {recipe.published}." if recipe.published else ""
    app.command(
        help=f"{recipe.task}: {recipe.network}.{published}",
        epilog=f"Example:  indrnn train --recipe {recipe.name} --smoke",
    )(make_command(recipe.experiment, recipe))
    return typer.main.get_command(app)


def recipes(
    name: Annotated[
        str | None, typer.Argument(help="Shows this one.", metavar="[NAME]", show_default=False)
    ] = None,
) -> None:
    """List the experiments of the papers, or show the file of one.

    Each runs by `indrnn train --recipe NAME`, every field of it can be changed there, and --smoke
    makes it a size that runs within a minute. A copy of the file, changed, is a recipe of your own:
    `indrnn train --recipe mine.toml`.
    """
    if name is not None:
        typer.echo(load(name).text, nl=False)
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=160)
    table = Table(box=None, pad_edge=False)
    for heading in ("recipe", "task", "network", "published"):
        table.add_column(heading, no_wrap=heading == "recipe")
    for known in names():
        recipe = load(known)
        table.add_row(recipe.name, recipe.task, recipe.network, recipe.published)
    console.print(table, markup=False)
