// room: image
// Layers: the input is one to three tar archives (a first byte says how it is cut), applied one
// over the other and written as an image, which libext2fs must then be able to open.
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <numeric>

#include "base/check.h"
#include "base/sys.h"
#include "image/data_writer.h"
#include "image/ext4_filesystem.h"
#include "image/ext4_writer.h"
#include "image/tar_layer.h"
#include "image/tree.h"

namespace {

using boxlite::ByteSpan;
using boxlite::UniqueFd;

bool Apply(ByteSpan layer, boxlite::image::Tree& tree, boxlite::image::DataWriter& data,
           boxlite::image::Budget& budget) {
  bool given = false;
  boxlite::image::NextBytes next = [&layer, &given]() -> boxlite::Result<ByteSpan> {
    if (given) return ByteSpan();
    given = true;
    return layer;
  };
  return boxlite::image::ApplyLayer(next, tree, data, budget).ok();
}

// Makes the checksums of what looks like headers right, so that changes get past them.
void FixChecksums(boxlite::Bytes& bytes) {
  constexpr size_t kHeader = 512, kChecksum = 148, kMagic = 257;
  for (size_t at = 0; at + kHeader <= bytes.size(); at += kHeader) {
    uint8_t* header = &bytes[at];
    if (std::memcmp(header + kMagic, "ustar", 5) != 0) continue;
    std::memset(header + kChecksum, ' ', 8);
    unsigned sum = std::accumulate(header, header + kHeader, 0u);
    std::array<char, 8> text{};
    std::snprintf(text.data(), text.size(), "%06o", sum & 0777777);
    std::memcpy(header + kChecksum, text.data(), text.size());
  }
}

void OpenImage(int fd) {
  UniqueFd copy = boxlite::sys::Duplicate(fd).TakeValue();
  ext2_filsys fs = nullptr;
  std::string number = std::to_string(copy.Release());
  errcode_t code = ext2fs_open(number.c_str(), 0, 0, 0, unixfd_io_manager, &fs);
  BOXLITE_CHECK(code == 0);
  BOXLITE_CHECK(ext2fs_read_bitmaps(fs) == 0);
  ext2fs_close_free(&fs);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace boxlite::image;  // NOLINT(google-build-using-namespace)
  if (size == 0) return 0;
  size_t layers = data[0] % 3u + 1;
  boxlite::Bytes bytes(data + 1, data + size);
  FixChecksums(bytes);
  ByteSpan rest(bytes);
  UniqueFd fd(::memfd_create("image", MFD_CLOEXEC));
  DataWriter writer(fd.get(), kFirstDataBlock);
  Tree tree([&writer](const std::vector<Extent>& extents) { return writer.Release(extents); });
  Budget budget;
  for (size_t i = 0; i < layers; ++i) {
    ByteSpan layer = rest.first(rest.size() / (layers - i) / 512 * 512);
    if (i + 1 == layers) layer = rest;
    rest = rest.subspan(layer.size());
    tree.BeginLayer(static_cast<uint32_t>(i + 1));
    if (!Apply(layer, tree, writer, budget)) return 0;
  }
  boxlite::Result<void> written = WriteExt4(fd.get(), tree, writer, {});
  if (written.ok()) OpenImage(fd.get());
  return 0;
}
