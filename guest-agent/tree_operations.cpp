#include "guest-agent/tree_operations.h"

#include <unistd.h>

#include <cerrno>

#include "base/sys.h"
#include "guest-agent/users.h"
#include "tar/packer.h"
#include "tar/reader.h"
#include "tar/unpacker.h"

namespace boxlite::agent {
namespace {

constexpr size_t kPiece = 256 * 1024;

tar::UnpackOptions OptionsOf(const proto::PutTree& request, const Identity& owner) {
  tar::UnpackOptions options;
  options.trust = tar::Trust::kSystem;
  options.links = tar::Links::kBeneath;
  bool exclusive = (request.flags & proto::kPutExclusive) != 0;
  options.overwrite = exclusive ? tar::Overwrite::kNo : tar::Overwrite::kYes;
  options.uid = owner.uid;
  options.gid = owner.gid;
  if ((request.flags & proto::kPutOwners) != 0) {
    options.owners = tar::Owners::kStream;
  } else if (!request.user.empty()) {
    options.owners = tar::Owners::kFixed;
  }
  return options;
}

Result<void> Unpack(tar::Unpacker& unpacker) {
  tar::Reader reader(unpacker);
  Bytes buffer(kPiece);
  for (;;) {
    ssize_t count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) return Error(Code::kCancelled, "it was cancelled");
    if (count < 0) return sys::ErrnoError("read the stream");
    if (count == 0) break;
    BOXLITE_TRY(reader.Feed(ByteSpan(buffer).first(static_cast<size_t>(count))));
  }
  BOXLITE_TRY(reader.Finish());
  return unpacker.Finish();
}

Result<void> Put(const proto::PutTree& request, const Identity& owner) {
  tar::UnpackOptions options = OptionsOf(request, owner);
  bool make = (request.flags & proto::kPutParents) != 0;
  tar::Parents parents = make ? tar::Parents::kMake : tar::Parents::kMustExist;
  if ((request.flags & proto::kPutArchive) != 0) {
    UniqueFd directory = BOXLITE_TRY(tar::OpenDestination(request.path, parents));
    tar::Unpacker unpacker(std::move(directory), options);
    return Unpack(unpacker);
  }
  bool contents = (request.flags & proto::kPutContents) != 0;
  tar::Destination destination{request.path, request.name,
                               contents ? tar::Contents::kYes : tar::Contents::kNo, parents};
  tar::Unpacker unpacker(std::move(destination), options);
  return Unpack(unpacker);
}

Result<void> Get(const proto::GetTree& request) {
  tar::PackOptions options;
  options.name = request.name.empty() ? "." : request.name;
  options.attributes = tar::Attributes::kAll;
  bool follow = (request.flags & proto::kGetFollow) != 0;
  options.follow = follow ? tar::Follow::kYes : tar::Follow::kNo;
  auto packer = BOXLITE_TRY(tar::Packer::Open(request.path, std::move(options)));
  Bytes piece;
  for (bool more = true; more;) {
    piece.clear();
    more = BOXLITE_TRY(packer->Next(piece, kPiece));
    BOXLITE_TRY(sys::WriteAll(STDOUT_FILENO, piece));
  }
  return {};
}

}  // namespace

Result<void> CheckBoxPath(const std::string& path) {
  if (!path.empty() && path.front() == '/' && path.find('\0') == std::string::npos) return {};
  return Error(Code::kInvalidArgument, "path \"" + path + "\" is not an absolute path in the box");
}

Result<std::unique_ptr<Operation>> PutTree(Loop& loop, Reaper& reaper, Stream stream,
                                           ByteSpan payload) {
  auto request = BOXLITE_TRY(proto::Decode<proto::PutTree>(payload));
  BOXLITE_TRY(CheckBoxPath(request.path));
  Identity owner = BOXLITE_TRY(LookUpUser(request.user));
  std::string what = "copy to " + request.path;
  return ForkedOperation::Create(
      loop, reaper, stream, what, {ForkedOperation::Input::kStream, request.window}, [&] {
        Result<void> done = Put(request, owner);
        return done.ok() ? std::move(done) : done.TakeError().Context(what);
      });
}

Result<std::unique_ptr<Operation>> GetTree(Loop& loop, Reaper& reaper, Stream stream,
                                           ByteSpan payload) {
  auto request = BOXLITE_TRY(proto::Decode<proto::GetTree>(payload));
  BOXLITE_TRY(CheckBoxPath(request.path));
  std::string what = "copy from " + request.path;
  return ForkedOperation::Create(
      loop, reaper, stream, what, {ForkedOperation::Input::kNone, request.window}, [&] {
        Result<void> done = Get(request);
        return done.ok() ? std::move(done) : done.TakeError().Context(what);
      });
}

}  // namespace boxlite::agent
