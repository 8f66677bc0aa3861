// Files that a command was told to write.

#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace ddpm {

// "/home/me/runs/clothes": absolute, without "." and "..".
std::string absolute_text(const std::filesystem::path& path);

// Throws InvalidArgument "command: flag: ..." if no file can come to be at `path`: it is a folder,
// or something on the way to it is a file. To be asked before any work is done.
void check_output_file(const std::string& command, const std::string& flag,
                       const std::filesystem::path& path);

// The same for a folder that is to be made: it throws if there is something at `path` but an empty
// folder. Returns the path, absolute and without a slash at its end.
std::filesystem::path check_output_folder(const std::string& command, const std::string& flag,
                                          const std::filesystem::path& path);

// Makes the folders on the way where they are missing, and the file whole or not at all. Throws
// IoError.
void write_output_file(const std::filesystem::path& path, std::string_view bytes);

}  // namespace ddpm
