import Base
import Containers
import Evaluation
import Quants
import Runtime
import Libc

/// What somebody needs to know to do the same again.
package struct Invocation: Sendable {
  /// A file that a model was read from.
  package typealias File = BaselineHeader.File

  /// The words of the command line, the program first.
  package var command: [String]
  package var version = quernVersion
  /// The level of the kernels that ran.
  package var kernels: String
  package var machine: String
  /// In UTC, as ISO 8601 has it.
  package var time: String
  package var files: [File]

  package init(command: [String], kernels: String, machine: String, time: String, files: [File]) {
    self.command = command
    self.kernels = kernels
    self.machine = machine
    self.time = time
    self.files = files
  }

  /// This very run; reads all of the models' files and the projectors they see through for their digests.
  init(of models: [OpenedModel], projectors: [String], threads: Int) throws(CheckpointError) {
    command = ["quern"] + CommandLine.arguments.dropFirst()
    kernels = Kernels.best.name
    machine = Self.machine(threads)
    time = Self.now
    files = try Self.files(of: models, projectors)
  }

  /// The command as a shell takes it.
  var shellCommand: String { command.map(Self.quoted).joined(separator: " ") }

  private static func quoted(_ word: String) -> String {
    let plain = word.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
      default: "-_./,:=+@%".utf8.contains(byte)
      }
    }
    if plain, !word.isEmpty { return word }
    var result = "'"
    for scalar in word.unicodeScalars {
      if scalar == "'" { result += "'\\''" } else { result.unicodeScalars.append(scalar) }
    }
    return result + "'"
  }

  private static var now: String {
    var clock = timespec()
    clock_gettime(CLOCK_REALTIME, &clock)
    var parts = tm()
    gmtime_r(&clock.tv_sec, &parts)
    func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return "\(1900 + parts.tm_year)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))T"
      + "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))Z"
  }

  /// The processor and the system; not its name, which is nobody's business.
  private static func machine(_ threads: Int) -> String {
    var system = utsname()
    uname(&system)
    func text<T>(_ field: T) -> String {
      withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
    return (Processor.name.map { "\($0), " } ?? "")
      + "\(counted(threads, "thread")), \(text(system.sysname)) \(text(system.machine))"
  }

  private static func files(of models: [OpenedModel], _ projectors: [String]) throws(CheckpointError) -> [File] {
    var files = models.flatMap { $0.checkpoint.files }
    // An encoder that is part of a folder has been read with it.
    for path in projectors where !FileSystem.isFolder(path) { files.append(try InputFile(path: path)) }
    var seen: Set<BinaryString> = []
    return try files.filter { seen.insert(BinaryString($0.path)).inserted }.map { file throws(CheckpointError) in
      File(name: file.path, bytes: file.size, sha256: try SHA256Hash.hash(of: file))
    }
  }
}
