#include "image/tree.h"

#include <utility>

#include "image/limits.h"

namespace boxlite::image {
namespace {

constexpr uint16_t kImplicitPermissions = 0755;

Error Bad(std::string message) {
  return Error(Code::kImage, std::move(message));
}

// The components of `path` from last to first, so that the next one is taken off the back.
std::vector<std::string> Reversed(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    size_t slash = path.rfind('/');
    std::string_view part = slash == std::string_view::npos ? path : path.substr(slash + 1);
    path = slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
    if (!part.empty() && part != ".") parts.emplace_back(part);
  }
  return parts;
}

// Takes "a/../" out, as every tool that applies layers does before it looks at the path.
Result<std::vector<std::string>> Normalize(std::string_view path) {
  if (path.size() > kMaxPathLength)
    return Bad("the path is longer than " + std::to_string(kMaxPathLength) + " bytes");
  if (path.find('\0') != std::string_view::npos) return Bad("the path has a zero byte");
  std::vector<std::string> reversed = Reversed(path);
  std::vector<std::string> clean;
  for (auto part = reversed.rbegin(); part != reversed.rend(); ++part) {
    if (*part != "..") {
      if (part->size() > kMaxNameLength)
        return Bad("a name is longer than " + std::to_string(kMaxNameLength) + " bytes");
      clean.push_back(std::move(*part));
    } else if (clean.empty()) {
      return Bad("the path leads out of the image");
    } else {
      clean.pop_back();
    }
  }
  return clean;
}

}  // namespace

Tree::Tree(Release release) : release_(std::move(release)) {
  Inode root;
  root.type = FileType::kDirectory;
  root.permissions = kImplicitPermissions;
  root.links = 1;
  inodes_.push_back(std::move(root));
  live_ = 1;
}

std::optional<InodeId> Tree::Child(InodeId directory, std::string_view name) const {
  const auto& children = inodes_[directory].children;
  auto found = children.find(name);
  if (found == children.end()) return std::nullopt;
  return found->second;
}

Result<InodeId> Tree::Allocate(Inode inode) {
  if (live_ == kMaxEntries)
    return Bad("the image has more than " + std::to_string(kMaxEntries) + " files");
  ++live_;
  inode.layer = layer_;
  if (!free_.empty()) {
    InodeId id = free_.back();
    free_.pop_back();
    inodes_[id] = std::move(inode);
    return id;
  }
  inodes_.push_back(std::move(inode));
  return static_cast<InodeId>(inodes_.size() - 1);
}

void Tree::Attach(InodeId directory, const std::string& name, InodeId id) {
  inodes_[directory].children.emplace(name, id);
  Inode& inode = inodes_[id];
  ++inode.links;
  if (inode.type != FileType::kDirectory) return;
  inode.parent = directory;
  inode.depth = inodes_[directory].depth + 1;
}

Result<InodeId> Tree::MakeDirectory(InodeId parent, const std::string& name) {
  if (name.size() > kMaxNameLength) return Bad("a symbolic link on the way has a name too long");
  if (inodes_[parent].depth >= kMaxDepth)
    return Bad("directories are nested deeper than " + std::to_string(kMaxDepth));
  Inode inode;
  inode.type = FileType::kDirectory;
  inode.permissions = kImplicitPermissions;
  InodeId id = BOXLITE_TRY(Allocate(std::move(inode)));
  Attach(parent, name, id);
  return id;
}

// Goes into a directory, or on to where a symbolic link leads.
Result<void> Tree::Enter(Walk& walk, const std::string& name, InodeId child) const {
  const Inode& inode = inodes_[child];
  if (inode.type == FileType::kDirectory) {
    walk.at = child;
    return {};
  }
  if (inode.type != FileType::kSymlink)
    return Bad("its parent \"" + name + "\" is not a directory");
  if (++walk.follows > kMaxSymlinkFollows) return Bad("too many symbolic links on the way");
  if (inode.target.substr(0, 1) == "/") walk.at = kRootInode;
  for (std::string& part : Reversed(inode.target)) walk.pending.push_back(std::move(part));
  return {};
}

Result<std::optional<InodeId>> Tree::Descend(std::vector<std::string> pending, Missing missing) {
  Walk walk{std::move(pending), kRootInode, 0};
  while (!walk.pending.empty()) {
    if (missing == Missing::kCreate) inodes_[walk.at].layer = layer_;
    std::string name = std::move(walk.pending.back());
    walk.pending.pop_back();
    std::optional<InodeId> child = Child(walk.at, name);
    if (name == "..") {
      walk.at = inodes_[walk.at].parent;
    } else if (child) {
      Result<void> entered = Enter(walk, name, *child);
      if (!entered.ok() && missing == Missing::kStop) return std::optional<InodeId>();
      BOXLITE_TRY(std::move(entered));
    } else if (missing == Missing::kStop) {
      return std::optional<InodeId>();
    } else {
      walk.at = BOXLITE_TRY(MakeDirectory(walk.at, name));
    }
  }
  if (missing == Missing::kCreate) inodes_[walk.at].layer = layer_;
  return std::optional<InodeId>(walk.at);
}

Result<std::optional<Tree::Place>> Tree::Find(std::string_view path, Missing missing) {
  std::vector<std::string> parts = BOXLITE_TRY(Normalize(path));
  Place place;
  if (parts.empty()) return std::optional<Place>(place);
  place.name = std::move(parts.back());
  parts.pop_back();
  std::optional<InodeId> directory = BOXLITE_TRY(Descend({parts.rbegin(), parts.rend()}, missing));
  if (!directory) return std::optional<Place>();
  place.directory = *directory;
  return std::optional<Place>(std::move(place));
}

Result<void> Tree::Put(std::string_view path, Inode inode) {
  Place place = *BOXLITE_TRY(Find(path, Missing::kCreate));
  std::optional<InodeId> old =
      place.name.empty() ? std::optional<InodeId>(kRootInode) : Child(place.directory, place.name);
  if (old && inode.type == FileType::kDirectory && inodes_[*old].type == FileType::kDirectory) {
    Inode& directory = inodes_[*old];
    directory.permissions = inode.permissions;
    directory.uid = inode.uid;
    directory.gid = inode.gid;
    directory.mtime_s = inode.mtime_s;
    directory.mtime_ns = inode.mtime_ns;
    directory.xattrs = std::move(inode.xattrs);
    directory.layer = layer_;
    return {};
  }
  if (place.name.empty()) return Bad("the root is not a directory");
  if (inode.type == FileType::kDirectory && inodes_[place.directory].depth >= kMaxDepth)
    return Bad("directories are nested deeper than " + std::to_string(kMaxDepth));
  if (old) BOXLITE_TRY(Remove(place.directory, place.name));
  InodeId id = BOXLITE_TRY(Allocate(std::move(inode)));
  Attach(place.directory, place.name, id);
  return {};
}

Result<void> Tree::Link(std::string_view path, std::string_view target) {
  auto source = BOXLITE_TRY(Find(target, Missing::kStop));
  std::optional<InodeId> id;
  if (source && !source->name.empty()) id = Child(source->directory, source->name);
  if (!id) return Bad("it is a hard link to \"" + std::string(target) + "\", which does not exist");
  if (inodes_[*id].type == FileType::kDirectory)
    return Bad("it is a hard link to \"" + std::string(target) + "\", which is a directory");
  if (inodes_[*id].links >= kMaxHardLinks)
    return Bad("\"" + std::string(target) + "\" has more than " + std::to_string(kMaxHardLinks) +
               " hard links");
  Place place = *BOXLITE_TRY(Find(path, Missing::kCreate));
  if (place.name.empty()) return Bad("the root is not a directory");
  std::optional<InodeId> old = Child(place.directory, place.name);
  inodes_[*id].layer = layer_;
  if (old == id) return {};
  // The name goes up before the old one goes away: removing a directory may free the target.
  ++inodes_[*id].links;
  if (old) BOXLITE_TRY(Remove(place.directory, place.name));
  --inodes_[*id].links;
  Attach(place.directory, place.name, *id);
  return {};
}

Result<void> Tree::Drop(InodeId id) {
  Inode& inode = inodes_[id];
  if (--inode.links > 0) return {};
  for (const auto& child : inode.children) BOXLITE_TRY(Drop(child.second));
  if (!inode.extents.empty()) BOXLITE_TRY(release_(inode.extents));
  inode = Inode();
  free_.push_back(id);
  --live_;
  return {};
}

Result<void> Tree::Remove(InodeId directory, const std::string& name) {
  auto& children = inodes_[directory].children;
  auto found = children.find(name);
  InodeId id = found->second;
  children.erase(found);
  return Drop(id);
}

Result<void> Tree::HideLower(InodeId directory, const std::string& name) {
  InodeId id = *Child(directory, name);
  if (inodes_[id].layer != layer_) return Remove(directory, name);
  if (inodes_[id].type == FileType::kDirectory) return Prune(id);
  return {};
}

Result<void> Tree::Prune(InodeId directory) {
  std::vector<std::string> names;
  for (const auto& child : inodes_[directory].children) names.push_back(child.first);
  for (const std::string& name : names) BOXLITE_TRY(HideLower(directory, name));
  return {};
}

Result<void> Tree::Whiteout(std::string_view path) {
  auto place = BOXLITE_TRY(Find(path, Missing::kStop));
  if (!place || !Child(place->directory, place->name)) return {};
  return HideLower(place->directory, place->name);
}

Result<void> Tree::Opaque(std::string_view path) {
  std::vector<std::string> parts = BOXLITE_TRY(Normalize(path));
  auto directory = BOXLITE_TRY(Descend({parts.rbegin(), parts.rend()}, Missing::kStop));
  if (!directory) return {};
  return Prune(*directory);
}

}  // namespace boxlite::image
