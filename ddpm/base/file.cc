#include "ddpm/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/new_file.h"
#include "ddpm/base/unfinished.h"

namespace ddpm {

namespace fs = std::filesystem;

namespace {

constexpr size_t kBufferBytes = size_t{1} << 20;

class RealFiles : public FileLayer {
 public:
  std::unique_ptr<NewFile> create(const fs::path& target) override {
    return create_new_file(target);
  }
  void write(const fs::path& path, std::span<const std::byte> bytes) override {
    // truncated only when it is known to be a regular file
    const Descriptor file = opened("create", path, O_WRONLY | O_CREAT);
    if (::ftruncate(file.get(), 0) != 0) throw_io("write", path, errno);
    write_all(file.get(), path, bytes);
  }
  void append(const fs::path& path, std::span<const std::byte> bytes) override {
    write_all(opened("append to", path, O_WRONLY | O_CREAT | O_APPEND).get(), path, bytes);
  }
  void sync(const fs::path& path) override {
    if (fs::is_directory(path)) return sync_folder(path);
    const Descriptor file = opened("sync", path, O_RDONLY);
    if (::fsync(file.get()) != 0) throw_io("sync", path, errno);
  }
  void rename(const fs::path& from, const fs::path& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) throw_io("rename to", to, errno);
  }
  void make_folder(const fs::path& path) override {
    std::error_code error;
    fs::create_directories(path, error);
    if (!error) return;
    std::error_code unknown;
    if (fs::exists(fs::symlink_status(path, unknown)) && !fs::is_directory(path, unknown)) {
      throw IoError(concat("cannot create the folder ", path.string(),
                           ": expected a folder or nothing, got ", kind_of_file(path)));
    }
    throw_io("create the folder", path, error.value());
  }
  void remove_all(const fs::path& path) override {
    std::error_code error;
    fs::remove_all(path, error);
    if (error) throw_io("remove", path, error.value());
  }

 private:
  static Descriptor opened(const char* what, const fs::path& path, int flags) {
    Descriptor file(::open(path.c_str(), flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666));
    if (file.get() < 0) throw_io(what, path, errno);
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) throw_io(what, path, errno);
    if (!S_ISREG(status.st_mode)) {
      throw IoError(concat("cannot ", what, " ", path.string(), ": expected a regular file, got ",
                           kind_of_file(path)));
    }
    return file;
  }

  static void sync_folder(const fs::path& path) {
    const Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.get() < 0 && errno == EACCES) return;  // may be written, not read
    if (folder.get() < 0) throw_io("open", path, errno);
    if (::fsync(folder.get()) == 0) return;
    // by network and user-space file systems; EOPNOTSUPP is ENOTSUP on Linux
    const bool unsupported = errno == EINVAL || errno == ENOTSUP || errno == ENOSYS;
    if (!unsupported) throw_io("sync", path, errno);
  }
};

fs::path parent_of(const fs::path& path) { return fs::absolute(path).parent_path(); }

bool is_empty_folder(const fs::path& path) { return fs::is_directory(path) && fs::is_empty(path); }

void sync_tree(const fs::path& folder, FileLayer& files) {
  for (const auto& entry : fs::recursive_directory_iterator(folder)) files.sync(entry.path());
  files.sync(folder);
}

}  // namespace

FileLayer& real_files() {
  static RealFiles files;
  return files;
}

FileWriter::FileWriter(const fs::path& path, FileLayer& files)
    : FileWriter(target_of(path), files) {}

FileWriter::FileWriter(Target target, FileLayer& files)
    : target_(std::move(target)), files_(files) {
  file_ = target_.is_stream ? open_stream(target_) : files.create(target_.path);
}

FileWriter::~FileWriter() = default;

void FileWriter::append(std::span<const std::byte> bytes) { append(as_text(bytes)); }

void FileWriter::append(std::string_view bytes) {
  if (buffer_.size() + bytes.size() > kBufferBytes) flush();
  if (bytes.size() >= kBufferBytes) {
    file_->append(as_bytes(bytes));
  } else {
    buffer_ += bytes;
  }
}

void FileWriter::flush() {
  if (!buffer_.empty()) file_->append(as_bytes(buffer_));
  buffer_.clear();
}

void FileWriter::commit() {
  flush();
  file_->sync();  // the bytes are on the disk before the name points to them ...
  file_->publish();
  file_.reset();
  if (!target_.is_stream)
    files_.sync(parent_of(target_.path));  // ... and the name before we say so
}

void write_file_whole(const fs::path& path, std::string_view bytes, FileLayer& files) {
  FileWriter file(path, files);
  file.append(bytes);
  file.commit();
}

void write_files_whole(const std::vector<FileInParts>& together, FileLayer& files) {
  DDPM_ASSERT(!together.empty());
  std::vector<fs::path> paths;
  std::vector<std::unique_ptr<NewFile>> made;
  for (const FileInParts& file : together) {
    const Target target = target_of(file.path);
    DDPM_CHECK(!target.is_stream || together.size() == 1, file.path.string(),
               ": expected a regular file, as another belongs to it, got a stream");
    paths.push_back(target.path);
    made.push_back(target.is_stream ? open_stream(target) : files.create(target.path));
    for (const std::string_view part : file.parts) made.back()->append(as_bytes(part));
    made.back()->sync();
  }
  if (together.size() > 1) {  // no old one may tell of new ones
    files.remove_all(paths.back());
    files.sync(parent_of(paths.back()));
  }
  for (size_t i = 0; i < made.size(); ++i) {
    made[i]->publish();
    files.sync(parent_of(paths[i]));
  }
}

void write_folder_whole(const fs::path& path,
                        const std::function<void(const fs::path& folder)>& fill, FileLayer& files) {
  const fs::path target = followed(path);
  DDPM_CHECK(!fs::exists(target) || is_empty_folder(target), "write_folder_whole: ", path.string(),
             " must not exist yet");
  const Unfinished unfinished;
  NewFolder folder(target, files);
  try {
    fill(folder.path());
    sync_tree(folder.path(), files);
  } catch (const IoError& error) {
    throw_with_name(error, folder.path(), target);
  }
  keep_mode_of(target, folder.path());
  folder.publish(target);
  files.sync(parent_of(target));
}

std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span<const char>(text.data(), text.size()));
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace ddpm
