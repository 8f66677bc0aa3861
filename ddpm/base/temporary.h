// Files and folders under a temporary name, and what is left of them after `kill -9`.

#pragma once

#include <filesystem>
#include <string>

namespace ddpm {

class Descriptor;

// A random name: ".tmp-", eight hexadecimal digits, and eight that are computed from these.
std::string temporary_name();

// Whether temporary_name() may have given it. A name that another program gives is one by a chance
// of 2^-32.
bool is_temporary_name(const std::string& name);

// Marks an open file or folder as one that a process is filling, until its last descriptor is
// closed. False if it is marked already. File systems without locks have no marks.
bool mark_as_in_use(const Descriptor& opened);

// Removes the files and folders with temporary names in `folder` that are in no process's use.
// Nothing happens to links, to other names, and where something cannot be removed or marked.
// Whoever makes a file with such a name has to mark it, and to see that it still has its name.
void remove_abandoned(const std::filesystem::path& folder);

}  // namespace ddpm
