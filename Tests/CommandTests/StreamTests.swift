import Foundation
import TestSupport
import Testing

/// Standard output and standard error: a result arrives whole or the exit code says that it did not.
struct StreamTests {
  private let model = Fixtures.path("tiny-qwen3.5")

  @Test(
    .enabled(if: FileManager.default.fileExists(atPath: "/dev/full")),
    arguments: ["tokenize '%' --text ab", "show '%' --json", "--help", "help evaluate", "--version"])
  func `a result that cannot be written is an error`(arguments: String) throws {
    let run = try CommandLineRun(shell: "exec $QUERN \(arguments.replacing("%", with: model)) > /dev/full")
    #expect(run.status == 74, "\(run.errors)")
    #expect(run.errors.contains("standard output: writing failed (No space left on device)"), "\(run.errors)")
  }

  /// The reader is gone before the program starts, and the prompt never ends by itself within so many tokens.
  @Test func `a reader that goes away ends the program at once`() throws {
    let folder = try TemporaryFolder()
    let run = try CommandLineRun(
      shell: """
        mkfifo gone
        { read gone < gone; $QUERN generate '\(model)' --raw --prompt 'It was' --tokens 3000 --quiet; echo $? > status; } \
          | { exec <&-; echo > gone; }
        """, in: folder.path)
    #expect(run.errors.isEmpty, "\(run.errors)")
    let status = try String(contentsOf: URL(filePath: folder.file("status")), encoding: .utf8)
    #expect(status == "141\n", "128 and the number of the signal for a broken pipe")
  }

  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/script"), "needs a terminal"))
  func `a terminal sees no rate before it means something`() throws {
    let folder = try TemporaryFolder()
    let run = try CommandLineRun(
      shell: """
        /usr/bin/script -qec "$QUERN convert '\(model)' --type bf16 --no-vision --output '\(folder.file("out.gguf"))'" /dev/null
        """)
    #expect(run.status == 0, "\(run.output)")
    #expect(run.output.contains("100%"))
    // Megabytes in their first milliseconds would be terabytes a second.
    #expect(!run.output.contains("TiB/s") && !run.output.contains("PiB/s"), "\(run.output)")
  }
}
