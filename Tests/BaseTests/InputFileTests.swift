import Foundation
import TestSupport
import Base
import Testing

struct InputFileTests {
  /// Opening a pipe nobody writes into would wait for ever, and this test with it; so would reading a terminal.
  @Test func `what is not a regular file is refused at once`() throws {
    let folder = try TemporaryFolder()
    try #require(mkfifo(folder.file("pipe"), 0o600) == 0)
    for path in [folder.file("pipe"), folder.path, "/dev/null"] {
      let error = #expect(throws: CheckpointError.self) { _ = try InputFile(path: path) }
      #expect(error?.message == "this is not a regular file", "\(path): \(error?.description ?? "")")
      #expect(error?.isOfInput == true)
    }
  }
}
