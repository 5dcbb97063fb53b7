import ArgumentParser
import Base

/// What every command takes.
struct CommonOptions: ParsableArguments {
  @Flag(help: "Print one JSON document on standard output and nothing else there.")
  var json = false

  @Flag(help: "Do not report progress on standard error.")
  var quiet = false

  @Option(help: ArgumentHelp("Threads to use; all cores unless given.", valueName: "n"))
  var threads: Int?

  /// The threads to use.
  var threadCount: Int { threads ?? Threads.available }

  func validate() throws {
    if let threads, !(1...1024).contains(threads) {
      throw ValidationError("--threads must be between 1 and 1024.")
    }
  }
}

/// What every command takes that writes a file.
struct OutputOptions: ParsableArguments {
  @Option(name: [.customShort("o"), .long], help: ArgumentHelp("Where to write.", valueName: "path"))
  var output: String?

  @Flag(help: "Replace an output that exists.")
  var overwrite = false
}
