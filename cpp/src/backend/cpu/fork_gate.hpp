// Keeps a fork of the process and calls of the BLAS library apart: OpenBLAS takes a lock for its buffers in each call,
// and a child made while another thread holds it would wait for that thread for ever.
#pragma once

namespace indrnn::cpu {

class ForkGate {
 public:
  // Held during a BLAS call. Waits while the process forks; a fork waits for all that are held.
  class Pass {
   public:
    Pass();
    ~Pass();
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;
  };

  // Registers the fork handlers, once.
  static void start();
};

}  // namespace indrnn::cpu
