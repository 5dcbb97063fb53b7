import Foundation
import Base
import TestSupport
import Testing

/// Interruption, full disks and forbidden folders: the old state stays, and the message says what to do.
@Suite(.serialized)
struct RobustnessTests {
  private let model = Fixtures.path("tiny-qwen3.5")

  @Test func `kill -9 at any moment leaves no file and no litter`() throws {
    let folder = try TemporaryFolder()
    let before = try inputDigests()
    var killed = 0
    for attempt in 0..<10 {
      let process = Process()
      process.executableURL = URL(filePath: CommandLineRun.binary)
      process.arguments = [
        "convert", model, "--type", "f32", "--output", folder.file("out.gguf"), "--no-vision", "--quiet",
      ]
      process.standardOutput = FileHandle.nullDevice
      process.standardError = FileHandle.nullDevice
      try process.start()
      usleep(UInt32(1_000 + attempt * attempt * 1_500))
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      if process.terminationReason == .uncaughtSignal {
        killed += 1
        #expect(folder.contents.isEmpty || folder.contents == ["out.gguf"], "\(folder.contents)")
      }
      if folder.contents == ["out.gguf"] {
        // Named, so complete: it must open.
        #expect(try CommandLineRun(["show", folder.file("out.gguf")]).status == 0)
        try FileManager.default.removeItem(atPath: folder.file("out.gguf"))
      }
      #expect(folder.contents.isEmpty)
    }
    #expect(killed > 0, "no run was slow enough to be killed")
    #expect(try inputDigests() == before)
  }

  @Test func `a disk that fills up is an error that says so`() throws {
    let folder = try TemporaryFolder()
    // The shell's file size limit stands in for a disk that fills up after the check of free space.
    let run = try CommandLineRun(
      shell:
        "ulimit -f 2048; exec $QUERN convert '\(model)' --type f32 --no-vision --output '\(folder.file("out.gguf"))'")
    #expect(run.status == 74, "\(run.errors)")
    #expect(
      run.errors.contains("out.gguf: writing failed: the file system or a limit of the shell allows no larger file"))
    #expect(folder.contents.isEmpty)
  }

  @Test(.enabled(if: WritingTests.canMount, "nothing can be mounted here"))
  func `a small file system is refused before any work`() throws {
    let folder = try TemporaryFolder()
    let work = try TemporaryFolder()
    let script = """
      mount -t tmpfs -o size=4m tmpfs '\(folder.path)' || exit 99
      $QUERN convert '\(model)' --type f32 --no-vision --output '\(folder.file("out.gguf"))'; status=$?
      ls -A '\(folder.path)' | wc -l
      exit $status
      """
    try Data(script.utf8).write(to: URL(filePath: work.file("script")))
    // What is mounted is gone with the namespace, whatever becomes of the run.
    let run = try CommandLineRun(shell: "exec unshare -m sh '\(work.file("script"))'")
    #expect(run.status == 74, "\(run.errors)")
    #expect(run.errors.contains("free some space or choose another place"))
    #expect(run.output.contains("0\n"))
  }

  @Test(.enabled(if: Unprivileged.canRun, "nobody may enter this checkout"))
  func `a folder that may not be written is named`() throws {
    let folder = try TemporaryFolder()
    let inner = folder.file("locked")
    try FileManager.default.createDirectory(atPath: inner, withIntermediateDirectories: false)
    let run = try CommandLineRun(
      shell: """
        chmod 755 '\(folder.path)'; chmod 555 '\(inner)'
        exec \(Unprivileged.prefix) $QUERN convert '\(model)' --type bf16 --no-vision --output '\(inner)/out.gguf'
        """)
    #expect(run.status == 74, "\(run.errors)")
    #expect(run.errors.contains("no permission here"))
    #expect((try? FileManager.default.contentsOfDirectory(atPath: inner)) == [])
  }

  @Test func `an existing output is refused before any work`() throws {
    let folder = try TemporaryFolder()
    try Data([1, 2, 3]).write(to: URL(filePath: folder.file("out.gguf")))
    let run = try CommandLineRun(["convert", model, "--no-vision", "--output", folder.file("out.gguf")])
    #expect(run.status == 64)
    #expect(run.errors.contains("--overwrite"))
    #expect(try Data(contentsOf: URL(filePath: folder.file("out.gguf"))) == Data([1, 2, 3]))
  }

  private func inputDigests() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: model).sorted().map { name in
      let data = try Data(contentsOf: URL(filePath: model + "/" + name))
      return name + data.withUnsafeBytes { SHA256Hash.hash($0) }
    }
  }
}
