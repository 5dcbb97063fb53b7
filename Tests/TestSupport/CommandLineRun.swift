import Foundation
import Tensors

/// One run of the built `quern` binary.
package struct CommandLineRun: Sendable {
  /// The exit code; negative when a signal ended it.
  package let status: Int32
  /// Standard output.
  package let output: String
  /// Standard error.
  package let errors: String
  /// The most memory that was resident, in bytes; 0 unless it was asked for and the system tells.
  package let peakBytes: Int

  /// The checkout.
  package static let root = URL(filePath: Fixtures.folder).deletingLastPathComponent().path

  /// The binary of this build, beside the test bundle.
  package static let binary: String = {
    let candidates = CommandLine.arguments.prefix(1) + ["/proc/self/exe"]
    for candidate in candidates {
      let folder = URL(filePath: candidate).resolvingSymlinksInPath().deletingLastPathComponent()
      let path = folder.appending(path: "quern").path
      if FileManager.default.isExecutableFile(atPath: path) { return path }
    }
    #if DEBUG
      return root + "/.build/debug/quern"
    #else
      return root + "/.build/release/quern"
    #endif
  }()

  /// Runs the binary and waits for it.
  package init(_ arguments: [String], environment: [String: String] = [:], in folder: String? = nil) throws {
    try self.init(executable: Self.binary, arguments, environment: environment, in: folder)
  }

  /// Runs the binary with its standard output thrown away, and watches its memory.
  package init(measuring arguments: [String]) throws {
    try self.init(executable: Self.binary, arguments, environment: [:], in: nil, isMeasured: true)
  }

  /// Runs a shell script in which `$QUERN` is the binary.
  package init(shell script: String, in folder: String? = nil) throws {
    try self.init(executable: "/bin/sh", ["-c", script], environment: ["QUERN": Self.binary], in: folder)
  }

  private init(
    executable: String, _ arguments: [String], environment: [String: String], in folder: String?,
    isMeasured: Bool = false
  ) throws {
    let process = Process()
    process.executableURL = URL(filePath: executable)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    if let folder { process.currentDirectoryURL = URL(filePath: folder) }
    // Files rather than pipes: a full pipe would stop the program while nobody reads.
    let scratch = try TemporaryFolder()
    for name in ["output", "errors"] {
      _ = FileManager.default.createFile(atPath: scratch.file(name), contents: nil)
    }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput =
      isMeasured ? FileHandle.nullDevice : FileHandle(forWritingAtPath: scratch.file("output"))
    process.standardError = FileHandle(forWritingAtPath: scratch.file("errors"))
    try process.run()
    peakBytes = isMeasured ? Self.peak(of: process) : 0
    process.waitUntilExit()
    status = process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
    output = String(decoding: (try? Data(contentsOf: URL(filePath: scratch.file("output")))) ?? Data(), as: UTF8.self)
    errors = String(decoding: (try? Data(contentsOf: URL(filePath: scratch.file("errors")))) ?? Data(), as: UTF8.self)
  }

  /// Standard output parsed as the one JSON document it has to be.
  package func json() throws -> OrderedJSON {
    try OrderedJSON(parsing: Array(output.utf8), file: "standard output")
  }

  /// The high-water mark of a running program's memory, read until it ends.
  ///
  /// The system's own count at the end (`ru_maxrss`) begins with the memory of the process that started the program.
  private static func peak(of process: Process) -> Int {
    var peak = 0
    while process.isRunning {
      let status = (try? String(contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8)) ?? ""
      if let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
        let kibibytes = Int(line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first ?? "")
      {
        peak = max(peak, kibibytes << 10)
      }
      usleep(1_000)
    }
    return peak
  }
}
