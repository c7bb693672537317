// What the reader accepts and the writer writes. Generous against every file known, small enough
// that a hostile file cannot make a loader allocate much more than its own size.
#pragma once

#include <cstdint>

namespace ix::gguf {

inline constexpr uint32_t kMagic = 0x46554747;  // "GGUF", little endian
inline constexpr uint32_t kOldestVersion = 2;
inline constexpr uint32_t kNewestVersion = 3;

inline constexpr uint64_t kMaxKeyValues = 1 << 16;
inline constexpr uint64_t kMaxTensors = 1 << 18;
inline constexpr uint64_t kMaxKeyBytes = (1 << 16) - 1;    // as the format says
inline constexpr uint64_t kMaxTensorNameBytes = 63;        // ggml: 64 with the terminator
inline constexpr uint64_t kMaxStringBytes = 1 << 26;       // a whole tokenizer.json fits
inline constexpr uint64_t kMaxArrayStringBytes = 1 << 16;  // a token or a merge
inline constexpr uint64_t kMaxArrayItems = 1 << 24;
inline constexpr uint32_t kMaxDims = 4;

inline constexpr uint64_t kDefaultAlignment = 32;
inline constexpr uint64_t kMinAlignment = 8;  // the format asks for a multiple of 8
inline constexpr uint64_t kMaxAlignment = 1 << 24;

inline constexpr int64_t kMaxParts = 1024;  // of a split model

// The fewest bytes that an entry can take in a file; counts are held against what is left of it.
inline constexpr uint64_t kMinKeyValueBytes = 8 + 1 + 4 + 1;        // length, key, type, value
inline constexpr uint64_t kMinTensorInfoBytes = 8 + 1 + 4 + 4 + 8;  // length, name, n_dims, type,
                                                                    // offset
inline constexpr uint64_t kMinStringBytes = 8;

}  // namespace ix::gguf
