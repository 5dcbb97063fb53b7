import Foundation
import Quants
import TestSupport
import Base
import Testing

/// What people do with paths, and what they are told.
@Suite(.serialized)
struct PathTests {
  private static let model = Fixtures.path("tiny-qwen3.5")
  private static let picture = Fixtures.path("golden/tiny-qwen3.5/images/a-64x64.png")
  private let manager = FileManager.default

  private func converted(_ options: [String] = []) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    let run = try CommandLineRun(
      ["quantize", Self.model, "Q4_0", "--pure", "--quiet", "-o", "m.gguf"] + options, in: folder.path)
    try #require(run.status == 0, "\(run.errors)")
    return folder
  }

  private func succeed(
    _ arguments: [String], in folder: String, _ words: String = "", sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let run = try CommandLineRun(arguments, in: folder)
    #expect(run.status == 0, "\(arguments): \(run.errors)", sourceLocation: sourceLocation)
    #expect(words.isEmpty || run.output.contains(words), "\(arguments): \(run.output)", sourceLocation: sourceLocation)
  }

  private func refuse(
    _ arguments: [String], in folder: String? = nil, _ status: Int32, _ words: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let run = try CommandLineRun(arguments, in: folder)
    #expect(run.status == status, "\(arguments): \(run.errors)", sourceLocation: sourceLocation)
    #expect(run.errors.contains(words), "\(arguments): \(run.errors)", sourceLocation: sourceLocation)
    #expect(!run.errors.contains("writing"), "\(arguments): \(run.errors)", sourceLocation: sourceLocation)
  }

  @Test func `a projector is named after its text model, and found first`() throws {
    let folder = try converted()
    #expect(folder.contents == ["m.gguf", "mmproj-m.gguf"])
    // Another one of a name that fits does not come before it.
    try manager.copyItem(atPath: folder.file("mmproj-m.gguf"), toPath: folder.file("mmproj-m-F16.gguf"))
    try succeed(["generate", "m.gguf", "--prompt", "a", "--tokens", "1", "--image", Self.picture], in: folder.path)
    let split = try converted(["--split-size", "1M"])
    #expect(split.contents.contains("mmproj-m.gguf") && split.contents.count > 3)
    let shard = try #require(split.contents.first { $0.hasPrefix("m-00002-of-") })
    try succeed(["generate", shard, "--prompt", "a", "--tokens", "1", "--image", Self.picture], in: split.path)
  }

  @Test func `the files of a split model are one model, however a shell lists them`() throws {
    let folder = try converted(["--split-size", "1M", "--no-vision"])
    let whole = try CommandLineRun(shell: "exec $QUERN show m-*.gguf", in: folder.path)
    #expect(whole.status == 0 && whole.output.hasPrefix("m-00001-of-"), "\(whole.errors)")
    let plan = try CommandLineRun(shell: "exec $QUERN quantize *.gguf Q8_0 --dry-run --json", in: folder.path)
    #expect(try plan.json()["files"]?.arrayValue?.first?["path"] == .string("m-Q8_0.gguf"), "\(plan.errors)")
    try manager.copyItem(atPath: folder.file(folder.contents[0]), toPath: folder.file("other.gguf"))
    let several = try CommandLineRun(shell: "exec $QUERN show *.gguf", in: folder.path)
    #expect(
      several.status == 64 && several.errors.contains("show takes one model, and these are 2: m-00001-of-"),
      "\(several.errors)")
    try refuse(
      ["quantize", folder.contents[0], "other.gguf"], in: folder.path, 64,
      "other.gguf is a file and not the name of a recipe")
  }

  @Test func `safetensors files of one model are that model`() throws {
    let folder = try converted(["--no-vision"])
    try succeed(
      ["convert", "m.gguf", "--to", "safetensors", "--split-size", "4M", "-o", "out", "--quiet"], in: folder.path)
    for pattern in ["out/model-*.safetensors", "out/model*"] {
      let run = try CommandLineRun(shell: "exec $QUERN show \(pattern)", in: folder.path)
      #expect(run.status == 0 && run.output.hasPrefix("out/model.safetensors.index.json: "), "\(run.errors)")
    }
    try manager.removeItem(atPath: folder.file("out/model.safetensors.index.json"))
    let run = try CommandLineRun(shell: "exec $QUERN show out/model-*.safetensors", in: folder.path)
    #expect(run.status == 2 && run.errors.contains("no model.safetensors.index.json"), "\(run.errors)")
  }

  @Test func `a folder that holds one GGUF is that model`() throws {
    let folder = try converted()
    try succeed(["show", "."], in: folder.path, "./m.gguf: gguf")
    try succeed(["tokenize", folder.path, "--text", "a"], in: folder.path)
    try succeed(["generate", ".", "--prompt", "a", "--tokens", "1", "--image", Self.picture], in: folder.path)
    try manager.copyItem(atPath: folder.file("m.gguf"), toPath: folder.file("n.gguf"))
    try refuse(["show", "."], in: folder.path, 2, "2 GGUF models; name one of them: m.gguf, n.gguf")
    let split = try converted(["--split-size", "1M"])
    try succeed(["show", split.path], in: split.path, "/m-00001-of-")
  }

  @Test func `folders of the Hugging Face cache, from outside and inside`() throws {
    let folder = try TemporaryFolder()
    let hash = "0123456789abcdef0123456789abcdef01234567"
    let model = folder.file("models--owner--Tiny-Model")
    try manager.createDirectory(atPath: model + "/refs", withIntermediateDirectories: true)
    try manager.createDirectory(atPath: model + "/snapshots", withIntermediateDirectories: true)
    try manager.createSymbolicLink(atPath: model + "/snapshots/" + hash, withDestinationPath: Self.model)
    try Data(hash.utf8).write(to: URL(filePath: model + "/refs/main"))
    for (source, place) in [
      ("models--owner--Tiny-Model", folder.path), (model + "/", "/"), (".", model), ("snapshots/" + hash, model),
      (hash, model + "/snapshots"), ("./\(hash)/", model + "/snapshots"), ("../snapshots/" + hash, model + "/refs"),
    ] {
      let run = try CommandLineRun(["convert", source, "--dry-run", "--json", "--no-vision"], in: place)
      #expect(
        try run.json()["files"]?.arrayValue?.first?["path"] == .string("Tiny-Model-BF16.gguf"),
        "\(source): \(run.errors)")
    }
    // A link would be followed on the way into the folder: a real one for this.
    let copy = model + "/snapshots/copy"
    try manager.createDirectory(atPath: copy, withIntermediateDirectories: false)
    for name in try manager.contentsOfDirectory(atPath: Self.model) {
      try manager.createSymbolicLink(atPath: copy + "/" + name, withDestinationPath: Self.model + "/" + name)
    }
    for source in [".", "model.safetensors"] {
      let run = try CommandLineRun(["convert", source, "--dry-run", "--json", "--no-vision"], in: copy)
      #expect(
        try run.json()["files"]?.arrayValue?.first?["path"] == .string("Tiny-Model-BF16.gguf"),
        "\(source): \(run.errors)")
    }
    let id = try CommandLineRun(
      ["convert", "owner/Tiny-Model", "--dry-run", "--json", "--no-vision"],
      environment: ["HF_HUB_CACHE": folder.path], in: "/")
    #expect(try id.json()["files"]?.arrayValue?.first?["path"] == .string("Tiny-Model-BF16.gguf"), "\(id.errors)")
  }

  @Test func `paths that begin with a dash`() throws {
    let folder = try converted()
    try manager.copyItem(atPath: folder.file("m.gguf"), toPath: folder.file("-x"))
    try succeed(["show", "--", "-x"], in: folder.path, "-x: gguf")
    try succeed(["show", "./-x"], in: folder.path, "-x: gguf")
    try succeed(["convert", "m.gguf", "--output=-y", "--quiet"], in: folder.path)
    #expect(folder.contents.contains("-y"))
    try refuse(["show", "-x"], in: folder.path, 64, "write it as ./-x")
  }

  @Test func `names that are not UTF-8 are named and never changed`() throws {
    let folder = try converted(["--no-vision"])
    for arguments in ["show \"$odd\"", "convert m.gguf -o \"$odd/o.gguf\"", "convert m.gguf --output=\"$odd.gguf\""] {
      let run = try CommandLineRun(
        shell: "odd=$(printf 'bad\\377'); mkdir -p \"$odd\" && cp m.gguf \"$odd/\"; exec $QUERN \(arguments)",
        in: folder.path)
      #expect(run.status == 64, "\(run.errors)")
      #expect(run.errors.contains("bad\\xff") && run.errors.contains("is not UTF-8"), "\(run.errors)")
    }
    // Such a name inside of a folder: told where it is the model's, and in nobody's way where it is not.
    let run = try CommandLineRun(
      shell: "mkdir in && mv m.gguf in/\"$(printf 'm\\377.gguf')\" && exec $QUERN show in", in: folder.path)
    #expect(run.status == 2 && run.errors.contains("m\\xff.gguf: this name is not UTF-8"), "\(run.errors)")
    let other = try CommandLineRun(
      shell: "mkdir x && cp '\(Self.model)'/* x/ && : > x/\"$(printf 'r\\351sum\\351')\" && exec $QUERN show x",
      in: folder.path)
    #expect(other.status == 0, "\(other.errors)")
    // Nor is anything of that name lost when a folder is replaced.
    let kept = try CommandLineRun(
      shell: """
        mkdir out && : > out/"$(printf 'r\\351sum\\351')"
        mv in/* m.gguf
        $QUERN convert m.gguf --to safetensors -o out --overwrite; status=$?; ls out | wc -l; exit $status
        """, in: folder.path)
    #expect(kept.status == 2 && kept.errors.contains("out/r\\xe9sum\\xe9: this name is not UTF-8"), "\(kept.errors)")
    #expect(kept.output.contains("1"), "\(kept.output)")
  }

  @Test func `a folder is not named like a file`() throws {
    let folder = try converted(["--no-vision"])
    try refuse(
      ["convert", "m.gguf", "--to", "safetensors", "-o", "x.safetensors"], in: folder.path, 64,
      "writes a folder, and x.safetensors is the name of a file; name the folder, for example --to safetensors --output x"
    )
    #expect(folder.contents == ["m.gguf"])
  }

  @Test func `nothing is said to be written before it can be`() throws {
    let folder = try converted(["--no-vision"])
    try refuse(["convert", "m.gguf", "-o", "m.gguf"], in: folder.path, 64, "already exists")
    try refuse(["convert", "m.gguf", "-o", "none/x.gguf"], in: folder.path, 74, "no such folder")
    let run = try CommandLineRun(["quantize", Self.model, "Q8_0", "-o", "q.gguf"], in: folder.path)
    #expect(run.errors.contains("writing q.gguf ("), "\(run.errors)")
    #expect(run.errors.contains("MiB) and mmproj-q.gguf ("), "\(run.errors)")
  }
}
