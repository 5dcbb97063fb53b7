import Foundation
import TestSupport
import Testing

/// Options, exit codes, signals and standard streams belong to the command: no room below it speaks of them or touches them.
struct QuietRoomTests {
  /// What the command alone may do, each with what it would be called.
  private static let words = [
    ("an option of the command line", #""[^"]*--[a-z]"#),
    ("the end of the process", #"\b(exit|_exit|_Exit|quick_exit|abort|kill)\("#),
    ("a signal's handler", #"\b(signal|sigaction|sigprocmask|pthread_sigmask)\("#),
    (
      "writing for a reader",
      #"\b(print|debugPrint|dump|puts|fputs|putchar|printf|fprintf|vprintf|vfprintf|perror|readLine)\("#
    ),
    ("a standard stream", #"\b(stdin|stdout|stderr|STDIN_FILENO|STDOUT_FILENO|STDERR_FILENO)\b|\bFileHandle\b"#),
    ("a standard stream by its number", #"\b(write|read|dprintf)\([012],"#),
  ]

  /// What may stand there all the same.
  private static let allowed = [
    // Ends the program when the system refuses memory, where nothing could be thrown. Only the command links it, and it does
    // nothing before the command calls `cmemory_end_when_refused`.
    "CMemory/memory.c": ["an option of the command line", "the end of the process", "a standard stream"]
  ]

  @Test func `only the command speaks command line`() throws {
    let sources = URL(filePath: Fixtures.folder).deletingLastPathComponent().appending(path: "Sources")
    let patterns = try Self.words.map { (what: $0, pattern: try Regex($1)) }
    var read = 0
    var found: [String: Set<String>] = [:]
    let files = FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil)
    for case let file as URL in try #require(files)
    where ["swift", "c", "h"].contains(file.pathExtension) {
      let name = String(file.path.dropFirst(sources.path.count + 1))
      if name.hasPrefix("quern-cli/") { continue }
      read += 1
      for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
        let code = line.firstRange(of: "//").map { line[..<$0.lowerBound] } ?? line
        for (what, pattern) in patterns where try pattern.firstMatch(in: code) != nil {
          found[name, default: []].insert(what)
          if Self.allowed[name]?.contains(what) != true { Issue.record("\(name): \(what): \(line)") }
        }
      }
    }
    #expect(read > 200)
    #expect(found == Self.allowed.mapValues { Set($0) }, "what is allowed is needed")
  }
}
