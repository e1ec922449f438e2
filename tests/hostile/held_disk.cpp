#include "hostile/held_disk.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/sys.h"

namespace boxlite::hostile_test {
namespace {

constexpr char kName[] = "disk";
constexpr uint64_t kFileNode = 2;
constexpr uint32_t kMaxTransfer = 128 * 1024;  // what the kernel assumes where nothing else is said
constexpr size_t kRequestSpace = kMaxTransfer + 4096;

template <typename T>
ByteSpan BytesOf(const T& value) {
  return {reinterpret_cast<const uint8_t*>(&value), sizeof value};
}

template <typename T>
T ArgumentOf(ByteSpan bytes) {
  T value{};
  std::memcpy(&value, bytes.data(), std::min(sizeof value, bytes.size()));
  return value;
}

fuse_attr AttributesOf(uint64_t node, uint64_t size) {
  fuse_attr attributes{};
  attributes.ino = node;
  attributes.mode = node == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0644;
  attributes.nlink = 1;
  attributes.size = node == FUSE_ROOT_ID ? 0 : size;
  attributes.blksize = 4096;
  return attributes;
}

// Of a file's bytes, at most what is there.
std::span<uint8_t> Part(Bytes& content, uint64_t offset, uint64_t size) {
  uint64_t start = std::min<uint64_t>(offset, content.size());
  return std::span(content).subspan(start, std::min<uint64_t>(size, content.size() - start));
}

bool Transfers(uint32_t operation) {
  return operation == FUSE_READ || operation == FUSE_WRITE;
}

}  // namespace

Result<std::unique_ptr<HeldDisk>> HeldDisk::Create(Bytes content) {
  std::unique_ptr<HeldDisk> disk(new HeldDisk(std::move(content)));
  disk->end_ = BOXLITE_TRY(sys::EventFd());
  BOXLITE_TRY(disk->Mount());
  disk->thread_ = std::thread([self = disk.get()] { self->Serve(); });
  return disk;
}

Result<void> HeldDisk::Mount() {
  device_ = BOXLITE_TRY(sys::Open("/dev/fuse", O_RDWR));
  char folder[] = "/tmp/boxlite-held-XXXXXX";
  if (::mkdtemp(folder) == nullptr) return sys::ErrnoError("make a directory");
  folder_ = folder;
  path_ = folder_ + "/" + kName;
  // Whoever has the file open may be another user.
  std::string options =
      "fd=" + std::to_string(device_.get()) + ",rootmode=40000,user_id=0,group_id=0,allow_other";
  if (::mount("held", folder, "fuse", MS_NOSUID | MS_NODEV, options.c_str()) < 0)
    return sys::ErrnoError("mount a file system");
  mounted_ = true;
  return {};
}

HeldDisk::~HeldDisk() {
  LetGo();
  if (mounted_) ::umount2(folder_.c_str(), MNT_DETACH);
  uint64_t one = 1;
  [[maybe_unused]] ssize_t written = ::write(end_.get(), &one, sizeof one);
  if (thread_.joinable()) thread_.join();
  device_.Reset();  // Whoever still waits gets an error.
  if (!folder_.empty()) ::rmdir(folder_.c_str());
}

void HeldDisk::Hold() {
  std::lock_guard lock(mutex_);
  holds_ = true;
}

void HeldDisk::LetGo() {
  std::lock_guard lock(mutex_);
  holds_ = false;
  for (const Request& request : held_) Answer(request);
  held_.clear();
}

size_t HeldDisk::held() const {
  std::lock_guard lock(mutex_);
  return held_.size();
}

void HeldDisk::Serve() {
  Bytes space(kRequestSpace);
  for (;;) {
    pollfd polls[] = {{device_.get(), POLLIN, 0}, {end_.get(), POLLIN, 0}};
    if (::poll(polls, 2, -1) < 0 && errno != EINTR) return;
    if (polls[1].revents != 0) return;
    ssize_t size = ::read(device_.get(), space.data(), space.size());
    if (size < 0 && errno == ENODEV) return;
    if (size >= static_cast<ssize_t>(sizeof(fuse_in_header)))
      Take(ByteSpan(space).first(static_cast<size_t>(size)));
  }
}

void HeldDisk::Take(ByteSpan raw) {
  auto header = ArgumentOf<fuse_in_header>(raw);
  ByteSpan arguments = raw.subspan(sizeof header);
  std::lock_guard lock(mutex_);
  Request request{header.opcode, header.unique, Bytes(arguments.begin(), arguments.end())};
  if (header.opcode == FUSE_GETATTR || header.opcode == FUSE_SETATTR) {
    fuse_attr_out out{};
    out.attr = AttributesOf(header.nodeid, content_.size());
    return Reply(request, 0, BytesOf(out));
  }
  if (holds_ && Transfers(header.opcode))
    held_.push_back(std::move(request));
  else
    Answer(request);
}

void HeldDisk::Answer(const Request& request) {
  fuse_init_out init{};
  fuse_entry_out entry{};
  fuse_open_out open{};
  switch (request.operation) {
    case FUSE_INIT:
      init.major = FUSE_KERNEL_VERSION;
      init.minor = ArgumentOf<fuse_init_in>(request.arguments).minor;
      init.max_write = kMaxTransfer;
      init.flags = FUSE_ASYNC_READ;  // Else who waits for a read cannot even be killed.
      return Reply(request, 0, BytesOf(init));
    case FUSE_LOOKUP:
      if (AsText(request.arguments) != std::string_view(kName, sizeof kName))
        return Reply(request, ENOENT, {});
      entry.nodeid = kFileNode;
      entry.attr = AttributesOf(kFileNode, content_.size());
      return Reply(request, 0, BytesOf(entry));
    case FUSE_OPEN:
      return Reply(request, 0, BytesOf(open));
    case FUSE_READ:
      return AnswerRead(request);
    case FUSE_WRITE:
      return AnswerWrite(request);
    case FUSE_FLUSH:
    case FUSE_FSYNC:
    case FUSE_RELEASE:
      return Reply(request, 0, {});
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT:  // It waits all the same.
      return;
    default:
      return Reply(request, ENOSYS, {});
  }
}

void HeldDisk::AnswerRead(const Request& request) {
  auto in = ArgumentOf<fuse_read_in>(request.arguments);
  Reply(request, 0, Part(content_, in.offset, in.size));
}

void HeldDisk::AnswerWrite(const Request& request) {
  auto in = ArgumentOf<fuse_write_in>(request.arguments);
  ByteSpan data = ByteSpan(request.arguments).subspan(sizeof in);
  std::span<uint8_t> into = Part(content_, in.offset, data.size());
  std::copy_n(data.begin(), into.size(), into.begin());
  fuse_write_out out{};
  out.size = static_cast<uint32_t>(into.size());
  Reply(request, 0, BytesOf(out));
}

// Who asked may be gone by now, which is nobody's fault.
void HeldDisk::Reply(const Request& request, int error, ByteSpan body) {
  fuse_out_header header{};
  header.len = static_cast<uint32_t>(sizeof header + body.size());
  header.error = -error;
  header.unique = request.number;
  Bytes reply(BytesOf(header).begin(), BytesOf(header).end());
  reply.insert(reply.end(), body.begin(), body.end());
  [[maybe_unused]] ssize_t written = ::write(device_.get(), reply.data(), reply.size());
}

}  // namespace boxlite::hostile_test
