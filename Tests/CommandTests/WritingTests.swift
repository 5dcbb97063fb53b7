import Foundation
import TestSupport
import Testing

/// What runs leave when they meet each other, a mount, a lock or a signal.
@Suite(.serialized)
struct WritingTests {
  private let model = Fixtures.path("tiny-qwen3.5")

  private func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(filePath: path)) }

  private func gguf(in folder: TemporaryFolder) throws -> String {
    let path = folder.file("in.gguf")
    let run = try CommandLineRun(["convert", model, "--type", "bf16", "--no-vision", "-o", path, "--quiet"])
    try #require(run.status == 0, "\(run.errors)")
    return path
  }

  @Test func `a recipe is saved beside a new output and beside one that is replaced`() throws {
    let folder = try TemporaryFolder()
    for flags in [[], ["--overwrite"]] {
      let run = try CommandLineRun(
        [
          "quantize", model, "Q4_0", "--no-vision", "-o", "a.gguf", "--save-recipe", "recipe", "--checksums", "sums",
          "--quiet",
        ] + flags, in: folder.path)
      #expect(run.status == 0, "\(run.errors)")
      #expect(folder.contents == ["a.gguf", "recipe", "sums"])
    }
    let again = try CommandLineRun(
      ["quantize", model, "--recipe", "recipe", "--no-vision", "-o", "b.gguf", "--quiet"], in: folder.path)
    #expect(again.status == 0, "\(again.errors)")
    let check = try CommandLineRun(shell: "sha256sum --check --status sums", in: folder.path)
    #expect(check.status == 0)
  }

  /// A limit on the size of files ends the run while it writes.
  @Test func `an output that cannot be written leaves the older ones of all`() throws {
    let folder = try TemporaryFolder()
    let arguments = "quantize '\(model)' Q4_0 -o a.gguf --vision-output v.gguf --checksums sums --overwrite --quiet"
    try #require(try CommandLineRun(shell: "$QUERN \(arguments)", in: folder.path).status == 0)
    let before = try ["a.gguf", "v.gguf", "sums"].map { try bytes(folder.file($0)) }
    // The text does not fit.
    let run = try CommandLineRun(
      shell: "ulimit -f 1000; exec $QUERN \(arguments.replacingOccurrences(of: "Q4_0", with: "Q8_0"))", in: folder.path)
    #expect(run.status == 74, "\(run.errors)")
    #expect(try ["a.gguf", "v.gguf", "sums"].map { try bytes(folder.file($0)) } == before)
    #expect(folder.contents == ["a.gguf", "sums", "v.gguf"])
  }

  /// Five at a time onto one output: each says in one sentence what became of it, and what stands is one run's.
  @Test(arguments: ["", "1"], ["a.gguf", "out"])
  func `runs that meet at one output end clearly`(named: String, output: String) throws {
    let folder = try TemporaryFolder()
    let work = try TemporaryFolder()
    let source = try gguf(in: work)
    let command =
      output == "out"
      ? ["convert", source, "--to", "safetensors", "-o", "out"]
      : ["quantize", source, "Q4_0", "--pure", "-o", "a.gguf", "--checksums", "sums"]
    var successes = 0
    for _ in 1...3 {
      // Started side by side, which a shell that waits for several does not do everywhere.
      let runs = try (1...5).map { number in
        let process = Process()
        process.executableURL = URL(filePath: CommandLineRun.binary)
        process.arguments = command + ["--overwrite", "--quiet", "--threads", "1"]
        process.currentDirectoryURL = URL(filePath: folder.path)
        if !named.isEmpty {
          process.environment = ProcessInfo.processInfo.environment.merging(["QUERN_NAMED_STAGING": named]) { $1 }
        }
        let errors = work.file("errors\(number)")
        _ = FileManager.default.createFile(atPath: errors, contents: nil)
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle(forWritingAtPath: errors)
        try process.start()
        return process
      }
      for (index, run) in runs.enumerated() {
        run.waitUntilExit()
        let errors = String(decoding: try bytes(work.file("errors\(index + 1)")), as: UTF8.self)
        if run.terminationStatus == 0 {
          successes += 1
        } else {
          #expect(run.terminationStatus == 74, "\(errors)")
          #expect(errors.hasSuffix("another run is writing this output now\n"), "\(errors)")
        }
      }
    }
    #expect(successes >= 3)
    #expect(folder.contents == (output == "out" ? ["out"] : ["a.gguf", "sums"]))
    let shown = try CommandLineRun(["show", folder.file(output), "--json"])
    #expect(shown.status == 0, "\(shown.errors)")
    if output != "out" {
      let check = try CommandLineRun(shell: "sha256sum --check --status sums", in: folder.path)
      #expect(check.status == 0)
    }
  }

  /// Whether this system lets a test mount something where nobody else sees it.
  static let canMount =
    (try? CommandLineRun(shell: "exec unshare -m mount -t tmpfs none /mnt 2>/dev/null").status) == 0

  @Test(.enabled(if: canMount), arguments: ["out/data", "out/config.json", "out"])
  func `what is mounted in a folder stays, and stops the run`(place: String) throws {
    let folder = try TemporaryFolder()
    let work = try TemporaryFolder()
    let source = try gguf(in: work)
    let mount =
      place == "out/config.json"
      ? "mkdir out; echo precious >'\(work.path)/file'; touch \(place); mount --bind '\(work.path)/file' \(place)"
      : "mkdir -p \(place); mount -t tmpfs none \(place); echo precious >\(place)/file"
    let script = """
      \(mount); echo notes >out/notes
      $QUERN convert '\(source)' --to safetensors -o out --overwrite --quiet; echo "status $?"
      ls -A . out; cat out/notes \(place == "out/config.json" ? place : place + "/file")
      """
    let path = work.file("script")
    try Data(script.utf8).write(to: URL(filePath: path))
    let run = try CommandLineRun(shell: "exec unshare -m sh '\(path)'", in: folder.path)
    #expect(run.output.contains("status 64\n") && run.output.hasSuffix("notes\nprecious\n"), "\(run.output)")
    #expect(run.errors.contains("mount"), "\(run.errors)")
    #expect(!run.output.contains("partial"))
  }

  /// `flock FOLDER quern …` is how scripts take turns; it is no other run of quern.
  @Test func `a lock that somebody else holds on the folder does not stop a run`() throws {
    let folder = try TemporaryFolder()
    let run = try CommandLineRun(
      shell: "exec flock . $QUERN convert '\(model)' --no-vision -o a.gguf --quiet", in: folder.path)
    #expect(run.status == 0, "\(run.errors)")
    #expect(folder.contents == ["a.gguf"])
  }

  /// Hidden siblings, where files cannot be without a name: of a folder's documents too.
  @Test(arguments: [SIGTERM, SIGINT, SIGHUP])
  func `an interrupted run with hidden files leaves nothing`(number: Int32) throws {
    let folder = try TemporaryFolder()
    let work = try TemporaryFolder()
    let source = try gguf(in: work)
    for attempt in 0..<8 {
      // Not from a shell, which has interruptions ignored by what it starts in the background.
      let process = Process()
      process.executableURL = URL(filePath: CommandLineRun.binary)
      process.arguments = [
        "convert", source, "--to", "safetensors", "-o", folder.file("out"), "--overwrite", "--quiet",
      ]
      process.environment = ProcessInfo.processInfo.environment.merging(["QUERN_NAMED_STAGING": "1"]) { $1 }
      process.standardOutput = FileHandle.nullDevice
      process.standardError = FileHandle.nullDevice
      try process.start()
      usleep(UInt32(2_000 + attempt * attempt * 2_000))
      kill(process.processIdentifier, number)
      process.waitUntilExit()
      #expect(folder.contents == [] || folder.contents == ["out"], "\(folder.contents)")
    }
  }

  /// What a killed run left can be a second name of the finished output.
  @Test func `a hidden file that a killed run left is never written into`() throws {
    let folder = try TemporaryFolder()
    let output = folder.file("a.gguf")
    let arguments = ["convert", model, "--no-vision", "-o", output, "--quiet"]
    #expect(try CommandLineRun(arguments).status == 0)
    let before = try bytes(output)
    #expect(link(output, folder.file(".a.gguf.partial")) == 0)
    // The limit ends the run when it has begun to write.
    let words = arguments.map { "'\($0)'" }.joined(separator: " ")
    let script = "ulimit -f 100; QUERN_NAMED_STAGING=1 $QUERN \(words) --overwrite"
    #expect(try CommandLineRun(shell: script).status == 74)
    #expect(try bytes(output) == before)
    #expect(folder.contents == ["a.gguf"])
  }
}
