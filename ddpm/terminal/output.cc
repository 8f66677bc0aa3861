#include "ddpm/terminal/output.h"

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"

namespace ddpm {

namespace fs = std::filesystem;

std::string absolute_text(const fs::path& path) {
  return fs::absolute(path).lexically_normal().string();
}

namespace {

void check_folders_on_the_way(const std::string& command, const std::string& flag,
                              const fs::path& path) {
  std::error_code error;  // a file on the way makes it "not a folder"
  for (fs::path folder = path.parent_path(); !folder.empty(); folder = folder.parent_path()) {
    if (fs::exists(folder, error)) {
      DDPM_CHECK(fs::is_directory(folder), command, ": ", flag, ": ", folder.string(),
                 " is a file, wanted a folder for ", path.filename().string());
      return;
    }
  }
}

}  // namespace

void check_output_file(const std::string& command, const std::string& flag, const fs::path& path) {
  DDPM_CHECK(!fs::is_directory(path) && path.has_filename(), command, ": ", flag, ": ",
             path.string(), " is a folder, wanted the name of a file");
  check_folders_on_the_way(command, flag, fs::absolute(path));
}

fs::path check_output_folder(const std::string& command, const std::string& flag,
                             const fs::path& path) {
  fs::path folder = absolute_text(path);
  if (!folder.has_filename()) folder = folder.parent_path();
  std::error_code error;
  const bool there = fs::exists(folder, error);
  const bool is_folder = there && fs::is_directory(folder);
  DDPM_CHECK(!there || is_folder, command, ": ", flag, ": ", folder.string(),
             " is a file, wanted a folder that is new or empty");
  DDPM_CHECK(!there || fs::is_empty(folder), command, ": ", flag, ": ", folder.string(),
             " is there and not empty, wanted a folder that is new or empty");
  check_folders_on_the_way(command, flag, folder);
  return folder;
}

void write_output_file(const fs::path& path, std::string_view bytes) {
  real_files().make_folder(fs::absolute(path).parent_path());
  write_file_whole(path, bytes);
}

}  // namespace ddpm
