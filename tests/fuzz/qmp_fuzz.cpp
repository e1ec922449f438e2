// room: machine
// QMP as a QEMU that a guest has taken over would speak it, in pieces; and the same bytes as the
// serial console's text.
#include "machine/console_log.h"
#include "machine/qmp.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  boxlite::machine::ConsoleLog console(-1, 0);
  boxlite::machine::Qmp qmp({[](std::string_view) {}, [](std::string_view, std::string_view) {}});
  for (const char* command : {"qmp_capabilities", "stop", "quit"})
    qmp.Execute(command, [](boxlite::Result<void>) {});
  boxlite::ByteSpan rest(data + 1, size - 1);
  while (!rest.empty()) {
    size_t piece = std::min<size_t>(data[0] + 1u, rest.size());
    console.Append(boxlite::AsText(rest.first(piece)));
    if (!qmp.Receive(rest.first(piece)).ok()) break;
    rest = rest.subspan(piece);
  }
  static_cast<void>(console.Tail(data[0]));
  qmp.Fail(boxlite::Error(boxlite::Code::kStopped, "the machine has ended"));
  return 0;
}
