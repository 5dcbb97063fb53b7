import Foundation
import TestSupport
import Testing

/// Outputs through the binary: what may be replaced, what appears together, and what is never touched.
@Suite(.serialized)
struct OutputCommandTests {
  private let model = Fixtures.path("tiny-qwen3.5")

  private func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(filePath: path)) }

  private func gguf(in folder: TemporaryFolder, _ name: String = "in.gguf") throws -> String {
    let path = folder.file(name)
    let run = try CommandLineRun(["convert", model, "--type", "bf16", "--no-vision", "-o", path, "--quiet"])
    try #require(run.status == 0, "\(run.errors)")
    return path
  }

  @Test(arguments: ["--vision-output", "--checksums", "--save-recipe"])
  func `two outputs of one name are refused before any work`(option: String) throws {
    let folder = try TemporaryFolder()
    for flags in [[], ["--overwrite"]] {
      let run = try CommandLineRun(
        ["quantize", model, "Q8_0", "-o", folder.file("q.gguf"), option, folder.path + "/./q.gguf"] + flags)
      #expect(run.status == 64, "\(run.errors)")
      #expect(run.errors.contains("two outputs have this name"))
      #expect(folder.contents == [])
    }
  }

  @Test func `what the model is read from is not replaced by something else`() throws {
    let folder = try TemporaryFolder()
    let source = try gguf(in: folder)
    let before = try bytes(source)
    for arguments in [
      ["quantize", source, "Q8_0", "-o", folder.file("q.gguf"), "--checksums", source],
      ["quantize", source, "Q8_0", "-o", folder.file("q.gguf"), "--save-recipe", source],
      ["trace", source, "--prompt", "a", "--output", source],
    ] {
      let run = try CommandLineRun(arguments + ["--overwrite"])
      #expect(run.status == 64, "\(arguments) \(run.errors)")
      #expect(run.errors.contains("this file is read"), "\(arguments) \(run.errors)")
      #expect(try bytes(source) == before)
      #expect(folder.contents == ["in.gguf"])
    }
    // A file may be packed in its own place: that is what was asked for.
    let inPlace = try CommandLineRun(["quantize", source, "Q8_0", "-o", source, "--overwrite"])
    #expect(inPlace.status == 0, "\(inPlace.errors)")
    #expect(try bytes(source).count < before.count)
  }

  @Test func `importance, a recipe and what a folder holds are not replaced either`() throws {
    let folder = try TemporaryFolder()
    let source = try gguf(in: folder)
    let importance = folder.file("im.gguf")
    try FileManager.default.copyItem(atPath: Fixtures.path("golden/tiny-qwen3.5/imatrix.gguf"), toPath: importance)
    let recipe = folder.file("recipe")
    let saved = try CommandLineRun(["quantize", source, "Q4_0", "-o", folder.file("q.gguf"), "--save-recipe", recipe])
    try #require(saved.status == 0, "\(saved.errors)")
    try FileManager.default.createDirectory(atPath: folder.file("d"), withIntermediateDirectories: false)
    for (arguments, kept) in [
      (["quantize", source, "Q8_0", "-o", importance, "--importance", importance], importance),
      (
        ["quantize", source, "Q8_0", "-o", folder.file("y"), "--importance", importance, "--checksums", importance],
        importance
      ),
      (["quantize", source, "--recipe", recipe, "-o", recipe], recipe),
      (
        [
          "convert", source, "--to", "safetensors", "-o", folder.file("d"), "--checksums", folder.file("d/config.json"),
        ], source
      ),
    ] {
      let before = try bytes(kept)
      let run = try CommandLineRun(arguments + ["--overwrite"])
      #expect(run.status == 64, "\(arguments) \(run.errors)")
      #expect(try bytes(kept) == before)
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.file("d")) == [])
  }

  @Test func `nothing in a model's own folder is replaced`() throws {
    let folder = try TemporaryFolder()
    let copy = folder.file("model")
    try FileManager.default.copyItem(atPath: model, toPath: copy)
    let before = try bytes(copy + "/config.json")
    let run = try CommandLineRun([
      "convert", copy, "--no-vision", "-o", folder.file("m.gguf"), "--checksums", copy + "/config.json", "--overwrite",
    ])
    #expect(run.status == 64, "\(run.errors)")
    #expect(try bytes(copy + "/config.json") == before)
    #expect(folder.contents == ["model"])
  }

  @Test func `pipes and devices are never replaced`() throws {
    let folder = try TemporaryFolder()
    let source = try gguf(in: folder)
    try #require(mkfifo(folder.file("pipe"), 0o600) == 0)
    let run = try CommandLineRun(["quantize", source, "Q8_0", "-o", folder.file("pipe"), "--overwrite"])
    #expect(run.status == 64, "\(run.errors)")
    var status = stat()
    #expect(lstat(folder.file("pipe"), &status) == 0 && status.st_mode & S_IFMT == S_IFIFO)
  }

  @Test(arguments: ["-o", "--checksums"])
  func `a missing folder is noticed before any work`(option: String) throws {
    let folder = try TemporaryFolder()
    let output = option == "-o" ? [] : ["-o", folder.file("m.gguf")]
    let run = try CommandLineRun(["convert", model, "--no-vision", option, folder.file("none/x")] + output)
    #expect(run.status == 74, "\(run.errors)")
    #expect(run.errors.contains("there is no such folder; make it first"))
    #expect(folder.contents == [])
  }

  @Test func `a model is quantized again beside its vision encoder`() throws {
    let folder = try TemporaryFolder()
    for recipe in ["Q8_0", "Q4_0"] {
      let run = try CommandLineRun(["quantize", model, recipe, "--quiet"], in: folder.path)
      #expect(run.status == 0, "\(run.errors)")
    }
    let projector = try #require(folder.contents.first { $0.hasPrefix("mmproj-") })
    #expect(folder.contents.count == 3)
    // Another projector of the same length and header is noticed when its bytes are known, and stays.
    var other = try bytes(folder.file(projector))
    other[other.count - 1] ^= 1
    try other.write(to: URL(filePath: folder.file(projector)))
    let run = try CommandLineRun(["quantize", model, "Q4_1", "--quiet"], in: folder.path)
    #expect(run.status == 64, "\(run.errors)")
    #expect(run.errors.contains("--no-vision"))
    #expect(try bytes(folder.file(projector)) == other)
    #expect(folder.contents.count == 3)
  }

  @Test func `text and projector appear together or not at all`() throws {
    let folder = try TemporaryFolder()
    // The text fits under the shell's limit of file sizes, the projector in F32 does not.
    let run = try CommandLineRun(
      shell: """
        ulimit -f 4000; exec $QUERN quantize '\(model)' Q1_0 --pure --vision-type f32 -o '\(folder.file("q.gguf"))' \
        --vision-output '\(folder.file("v.gguf"))'
        """)
    #expect(run.status == 74, "\(run.errors)")
    #expect(folder.contents == [])
  }

  @Test func `a dry run shows the plan and then what stands in its way`() throws {
    let folder = try TemporaryFolder()
    let source = try gguf(in: folder)
    let run = try CommandLineRun([
      "quantize", source, "Q8_0", "-o", source, "--dry-run",
    ])
    #expect(run.status == 64)
    #expect(run.output.contains("to write"))
    #expect(run.errors.contains("already exists"))
    #expect(folder.contents == ["in.gguf"])
  }

  @Test func `a name of 250 bytes can be replaced`() throws {
    let folder = try TemporaryFolder()
    let name = String(repeating: "n", count: 245) + ".gguf"
    for flags in [[], ["--overwrite"]] {
      let run = try CommandLineRun(["convert", model, "--no-vision", "-o", folder.file(name)] + flags)
      #expect(run.status == 0, "\(run.errors)")
    }
    #expect(folder.contents == [name])
  }

  @Test func `an existing folder keeps what is not the model's`() throws {
    let folder = try TemporaryFolder()
    let source = try gguf(in: folder)
    let out = folder.file("out")
    let arguments = ["convert", source, "--to", "safetensors", "-o", out + "/", "--quiet"]
    #expect(try CommandLineRun(arguments).status == 0)
    let names = try FileManager.default.contentsOfDirectory(atPath: out).sorted()
    for name in ["model_backup.safetensors", "model-adapter.safetensors", "notes.txt"] {
      try Data("mine".utf8).write(to: URL(filePath: out + "/" + name))
    }
    try Data("stale".utf8).write(to: URL(filePath: out + "/model-00001-of-00002.safetensors"))
    try Data("stale".utf8).write(to: URL(filePath: out + "/config.json"))
    #expect(try CommandLineRun(arguments).status == 64)
    let again = try CommandLineRun(arguments + ["--overwrite"])
    #expect(again.status == 0, "\(again.errors)")
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: out).sorted()
        == (names + ["model-adapter.safetensors", "model_backup.safetensors", "notes.txt"]).sorted())
    #expect(try bytes(out + "/config.json") != Data("stale".utf8))
    #expect(folder.contents == ["in.gguf", "out"])
  }

  @Test(arguments: [SIGKILL, SIGTERM, SIGINT])
  func `an interrupted folder leaves nothing`(number: Int32) throws {
    let folder = try TemporaryFolder()
    let work = try TemporaryFolder()
    let source = try gguf(in: work)
    for attempt in 0..<6 {
      let process = Process()
      process.executableURL = URL(filePath: CommandLineRun.binary)
      process.arguments = ["convert", source, "--to", "safetensors", "-o", folder.file("out"), "--quiet"]
      process.standardOutput = FileHandle.nullDevice
      process.standardError = FileHandle.nullDevice
      try process.start()
      usleep(UInt32(2_000 + attempt * attempt * 3_000))
      kill(process.processIdentifier, number)
      process.waitUntilExit()
      // Nobody can clean up after `kill -9` in the moment of naming; the next run does.
      let found = folder.contents.filter { number != SIGKILL || $0 != ".out.partial" }
      #expect(found.isEmpty || found == ["out"], "\(folder.contents)")
      try? FileManager.default.removeItem(atPath: folder.file("out"))
    }
    let run = try CommandLineRun(["convert", source, "--to", "safetensors", "-o", folder.file("out")])
    #expect(run.status == 0 && folder.contents == ["out"], "\(run.errors) \(folder.contents)")
  }

  @Test func `what a killed run left of a folder is taken over`() throws {
    let folder = try TemporaryFolder()
    let work = try TemporaryFolder()
    let arguments = [
      "convert", try gguf(in: work), "--to", "safetensors", "-o", folder.file("out"), "--quiet", "--overwrite",
    ]
    let manager = FileManager.default
    #expect(try CommandLineRun(arguments).status == 0)
    let names = try manager.contentsOfDirectory(atPath: folder.file("out")).sorted()
    try Data("mine".utf8).write(to: URL(filePath: folder.file("out/notes.txt")))
    // Killed while the hidden folder was filled, and between the two names of an exchange.
    try manager.moveItem(atPath: folder.file("out"), toPath: folder.file(".out.partial.old"))
    try manager.createDirectory(atPath: folder.file(".out.partial"), withIntermediateDirectories: false)
    try Data("half".utf8).write(to: URL(filePath: folder.file(".out.partial/model.safetensors")))
    let run = try CommandLineRun(arguments)
    #expect(run.status == 0, "\(run.errors)")
    #expect(folder.contents == ["out"])
    #expect(try manager.contentsOfDirectory(atPath: folder.file("out")).sorted() == (names + ["notes.txt"]).sorted())
    // Killed after the exchange, before the old folder was gone.
    try manager.createDirectory(atPath: folder.file(".out.partial.old"), withIntermediateDirectories: false)
    try Data("mine".utf8).write(to: URL(filePath: folder.file(".out.partial.old/more.txt")))
    #expect(try CommandLineRun(arguments).status == 0)
    #expect(folder.contents == ["out"])
    #expect(manager.fileExists(atPath: folder.file("out/more.txt")))
  }

  @Test func `two runs do not write one folder at once`() throws {
    let folder = try TemporaryFolder()
    let work = try TemporaryFolder()
    let source = try gguf(in: work)
    try FileManager.default.createDirectory(atPath: folder.file(".out.partial"), withIntermediateDirectories: false)
    let run = try CommandLineRun(
      shell: "exec flock .out.partial $QUERN convert '\(source)' --to safetensors -o out --quiet", in: folder.path)
    #expect(run.status == 74 && run.errors.contains("another run is writing this output now"), "\(run.errors)")
    #expect(folder.contents == [".out.partial"])
  }

  /// Where the file system has no files without names, parts are hidden siblings that an interruption removes.
  @Test func `hidden parts are removed when they are many`() throws {
    let folder = try TemporaryFolder()
    let script = """
      export QUERN_NAMED_STAGING=1
      $QUERN convert '\(model)' --type f32 --no-vision --split-size 400K -o '\(folder.file("m.gguf"))' --quiet & run=$!
      for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        if [ "$(ls -A '\(folder.path)' | wc -l)" -gt 8 ]; then break; fi; sleep 0.02
      done
      kill -TERM $run; wait $run
      """
    _ = try CommandLineRun(shell: script)
    #expect(!folder.contents.contains { $0.hasPrefix(".") }, "\(folder.contents)")
    let named = try CommandLineRun(
      ["convert", model, "--type", "bf16", "--no-vision", "-o", folder.file("named.gguf")],
      environment: ["QUERN_NAMED_STAGING": "1"])
    #expect(named.status == 0, "\(named.errors)")
    #expect(try bytes(folder.file("named.gguf")) == bytes(try gguf(in: folder)))
  }

  @Test func `more parts than files may be open are refused before any work`() throws {
    let folder = try TemporaryFolder()
    let run = try CommandLineRun(
      shell:
        "ulimit -n 80; exec $QUERN convert '\(model)' --no-vision --split-size 100K -o '\(folder.file("m.gguf"))'")
    #expect(run.status == 74, "\(run.errors)")
    #expect(run.errors.contains("--split-size"))
    #expect(folder.contents == [])
  }
}
