import Foundation
import Base

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

  /// Runs a shell script in which `$QUERN` is the binary, by a path without a space wherever the checkout is.
  package init(shell script: String, in folder: String? = nil) throws {
    let link = try TemporaryFolder()
    try FileManager.default.createSymbolicLink(atPath: link.file("quern"), withDestinationPath: Self.binary)
    try self.init(executable: "/bin/sh", ["-c", script], environment: ["QUERN": link.file("quern")], in: folder)
    withExtendedLifetime(link) {}
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
    try process.start()
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
  private static func peak(of process: Process) -> Int {
    var peak = 0
    while process.isRunning {
      peak = max(peak, Work.peakBytes(of: "\(process.processIdentifier)") ?? 0)
      usleep(1_000)
    }
    return peak
  }
}
