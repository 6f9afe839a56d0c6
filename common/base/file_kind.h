// What a file looks like by its first bytes: for messages that say what was given where something
// else is wanted. Pure.
#pragma once

#include <string>

namespace edgetp {

inline constexpr char kSafetensors[] = "safetensors weights";
inline constexpr char kJson[] = "JSON";
inline constexpr char kTrace[] = "a mahimahi trace (one time in milliseconds per line)";

struct FileKind {
  // "a zip archive, as torch.save writes it"; empty: nothing that is known here. Never "a text".
  std::string description;
  // What to do about it; may be empty.
  std::string advice;
  bool torch = false;    // torch.load reads it
  bool certain = false;  // by four bytes or more: no numbers begin with them by chance
};

// `start`: the first bytes of the file, all of a short one; a few hundred are enough.
FileKind RecogniseFile(const std::string& start);

// As much of a file as RecogniseFile looks at.
inline constexpr size_t kKindBytes = 1024;

// ": this looks like a zip archive, ...; advice"; empty where the kind is unknown.
std::string LooksLike(const std::string& start);

// The line that makes a safetensors file of what torch.save wrote.
std::string TorchConversion(const std::string& path);

}  // namespace edgetp
