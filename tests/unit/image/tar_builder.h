// Builds layers byte by byte, also such as no tool would make.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace boxlite::image {

struct TarEntry {
  std::string name = {};
  char type = '0';
  std::string data = {};
  std::string link = {};
  unsigned mode = 0644;
  unsigned long uid = 0, gid = 0;
  unsigned long mtime = 1700000000;
  unsigned major = 0, minor = 0;
  std::map<std::string, std::string> pax = {};
};

class TarBuilder {
 public:
  TarBuilder& Add(const TarEntry& entry) {
    std::map<std::string, std::string> pax = entry.pax;
    if (entry.name.size() > 100) pax["path"] = entry.name;
    if (entry.link.size() > 100) pax["linkpath"] = entry.link;
    if (!pax.empty()) AddPax(pax);
    Header(entry, entry.data.size());
    Body(entry.data);
    return *this;
  }
  TarBuilder& File(const std::string& name, const std::string& data) {
    return Add({.name = name, .data = data});
  }
  TarBuilder& Dir(const std::string& name, unsigned mode = 0755) {
    return Add({.name = name, .type = '5', .mode = mode});
  }
  TarBuilder& Symlink(const std::string& name, const std::string& target) {
    return Add({.name = name, .type = '2', .link = target, .mode = 0777});
  }
  TarBuilder& HardLink(const std::string& name, const std::string& target) {
    return Add({.name = name, .type = '1', .link = target});
  }
  std::string Take() { return out_ + std::string(1024, '\0'); }

 private:
  void AddPax(const std::map<std::string, std::string>& records) {
    std::string body;
    for (const auto& [key, value] : records) {
      std::string rest = " " + key + "=" + value + "\n";
      size_t length = rest.size() + 1;
      while (std::to_string(length).size() + rest.size() != length) ++length;
      body += std::to_string(length) + rest;
    }
    Header({.name = "PaxHeaders/x", .type = 'x'}, body.size());
    Body(body);
  }

  static void Octal(char* at, size_t width, unsigned long value) {
    for (size_t i = width - 1; i-- > 0; value >>= 3) at[i] = static_cast<char>('0' + (value & 7));
  }

  void Header(const TarEntry& entry, size_t size) {
    char header[512] = {};
    std::memcpy(header, entry.name.data(), std::min<size_t>(entry.name.size(), 100));
    Octal(header + 100, 8, entry.mode);
    Octal(header + 108, 8, entry.uid & 07777777);
    Octal(header + 116, 8, entry.gid & 07777777);
    Octal(header + 124, 12, size);
    Octal(header + 136, 12, entry.mtime);
    std::memset(header + 148, ' ', 8);
    header[156] = entry.type;
    std::memcpy(header + 157, entry.link.data(), std::min<size_t>(entry.link.size(), 100));
    std::memcpy(header + 257, "ustar\00000", 8);
    Octal(header + 329, 8, entry.major);
    Octal(header + 337, 8, entry.minor);
    unsigned long sum = 0;
    for (char c : header) sum += static_cast<unsigned char>(c);
    std::snprintf(header + 148, 8, "%06lo", sum);
    out_.append(header, sizeof header);
  }

  void Body(const std::string& data) {
    out_ += data;
    out_.append((512 - data.size() % 512) % 512, '\0');
  }

  std::string out_;
};

}  // namespace boxlite::image
