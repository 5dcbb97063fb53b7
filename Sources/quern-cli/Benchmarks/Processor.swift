import Base
import Libc

/// The processor that this runs on.
enum Processor {
  /// What it is called, where Linux says so.
  static var name: String? {
    let path = "/proc/cpuinfo"
    // Its size is said to be zero, so it is read to its end like a stream.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    guard let bytes = try? FileSystem.readAll(descriptor, path, limit: 16 << 20) else { return nil }
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("model name") }?
      .split(separator: ":").dropFirst().first.map { String($0.drop { $0 == " " }) }
  }
}
