// pack_initramfs AGENT OUTPUT: an initramfs of the agent as /init and /dev/console, which the
// kernel wants for its first process's stdio, as a cpio archive of the "newc" kind. Runs at build
// time, as any user; the same agent gives the same bytes.
//
// newc: for each file a header of ASCII hexadecimal fields, the name with its zero byte, and the
// contents, each padded to 4 bytes; a file named TRAILER!!! is the end.
#include <sys/stat.h>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

namespace {

struct Entry {
  std::string name;
  uint32_t mode = 0;
  uint32_t device_major = 0, device_minor = 0;
  std::string contents;
};

void Pad(std::string& archive) {
  archive.resize((archive.size() + 3) / 4 * 4, '\0');
}

void Add(std::string& archive, uint32_t inode, const Entry& entry) {
  const uint32_t fields[] = {
      inode,
      entry.mode,
      0,  // owner
      0,  // group
      S_ISDIR(entry.mode) ? 2u : 1u,
      0,  // time
      static_cast<uint32_t>(entry.contents.size()),
      0,  // device that the file lies on
      0,
      entry.device_major,
      entry.device_minor,
      static_cast<uint32_t>(entry.name.size() + 1),
      0,  // no checksum
  };
  archive += "070701";
  for (uint32_t field : fields) {
    char text[9];
    std::snprintf(text, sizeof text, "%08X", field);
    archive += text;
  }
  archive += entry.name;
  archive += '\0';
  Pad(archive);
  archive += entry.contents;
  Pad(archive);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: pack_initramfs AGENT OUTPUT\n");
    return 2;
  }
  std::ifstream in(argv[1], std::ios::binary);
  std::string agent{std::istreambuf_iterator<char>(in), {}};
  if (!in || agent.empty()) {
    std::fprintf(stderr, "pack_initramfs: cannot read %s\n", argv[1]);
    return 1;
  }
  std::string archive;
  uint32_t inode = 1;
  for (const char* directory : {"dev", "sys"})
    Add(archive, inode++, {directory, S_IFDIR | 0755, 0, 0, ""});
  Add(archive, inode++, {"dev/console", S_IFCHR | 0600, 5, 1, ""});
  Add(archive, inode++, {"init", S_IFREG | 0755, 0, 0, std::move(agent)});
  Add(archive, inode++, {"TRAILER!!!", 0, 0, 0, ""});
  std::ofstream out(argv[2], std::ios::binary);
  out << archive;
  out.close();
  if (!out) {
    std::fprintf(stderr, "pack_initramfs: cannot write %s\n", argv[2]);
    return 1;
  }
  return 0;
}
