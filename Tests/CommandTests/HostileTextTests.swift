import Containers
import Foundation
import Quants
import TestSupport
import Base
import Testing

/// Models whose every text is hostile, through every command: nothing of it acts on a terminal.
@Suite(.serialized)
struct HostileTextTests {
  private static let model = Fixtures.path("tiny-qwen3.5")
  private static let picture = Fixtures.path("golden/tiny-qwen3.5/images/a-64x64.png")
  private static let documents = ["config.json", "preprocessor_config.json", "tokenizer_config.json", "tokenizer.json"]

  /// The tiny model with one document replaced, everything else by links.
  private func folder(_ path: String, replacing name: String, by bytes: [UInt8]) throws {
    let manager = FileManager.default
    try manager.createDirectory(atPath: path, withIntermediateDirectories: true)
    for file in Self.documents + ["chat_template.jinja", "model.safetensors"] where file != name {
      try? manager.createSymbolicLink(atPath: path + "/" + file, withDestinationPath: Self.model + "/" + file)
    }
    try Data(bytes).write(to: URL(filePath: path + "/" + name))
  }

  /// Whatever a document says, one text at a time, so that every error it can cause is caused.
  @Test(arguments: documents)
  func `every text of a folder's documents`(name: String) throws {
    let scratch = try TemporaryFolder()
    let variants = HostileText.variants(of: try Fixtures.json("tiny-qwen3.5/" + name))
    #expect(variants.count > 2)
    for document in variants {
      try folder(scratch.file("model"), replacing: name, by: document.serialized(pretty: true))
      let run = try CommandLineRun(["convert", "model", "--dry-run"], in: scratch.path)
      #expect(HostileText.harm(run) == nil, "\(name)")
    }
  }

  /// The tiny model as GGUFs; small, since only headers matter here.
  private func converted() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    let run = try CommandLineRun(
      ["quantize", Self.model, "Q4_0", "--pure", "--quiet", "--output", folder.file("text.gguf")])
    try #require(run.status == 0, "\(run.errors)")
    return folder
  }

  /// Writes a GGUF of zeros; false for metadata that no GGUF can have.
  @discardableResult
  private func writeZeros(_ path: String, _ metadata: Metadata, _ tensors: [TensorDescription]) throws -> Bool {
    guard let layout = try? GGUFLayout(metadata: metadata, tensors: tensors) else { return false }
    try Data(layout.parts[0].header).write(to: URL(filePath: path))
    try #require(truncate(path, off_t(layout.totalBytes)) == 0)
    return true
  }

  private func descriptions(_ checkpoint: Checkpoint) -> [TensorDescription] {
    checkpoint.tensors.map { TensorDescription(name: $0.name, type: $0.type, shape: $0.shape) }
  }

  @Test(arguments: ["text.gguf", "mmproj-text.gguf"])
  func `every text of a GGUF's metadata`(name: String) throws {
    let folder = try converted()
    let checkpoint = try Containers.open(folder.file(name))
    let changed = folder.file("changed.gguf")
    for (index, entry) in checkpoint.metadata.entries.enumerated() {
      var variants: [(key: String, value: MetadataValue)] = index == 0 ? [(HostileText.text, entry.value)] : []
      switch entry.value {
      case .string: variants.append((entry.key, .string(HostileText.text)))
      case .array(.string(var texts)):
        texts = TextList([HostileText.text] + texts.dropFirst())
        variants.append((entry.key, .array(.string(texts))))
      default: variants.append((entry.key, .array(.string([HostileText.text]))))
      }
      for variant in variants {
        var entries = checkpoint.metadata.entries
        entries[index] = variant
        guard try writeZeros(changed, Metadata(entries), descriptions(checkpoint)) else { continue }
        let source = name == "text.gguf" ? changed : folder.file("text.gguf") + "," + changed
        let run = try CommandLineRun(["convert", source, "--to", "safetensors", "--dry-run"], in: folder.path)
        #expect(HostileText.harm(run) == nil, "\(entry.key)")
      }
    }
  }

  /// The tiny model in a folder of a hostile name, with hostile texts wherever it can have some and still be read.
  private func valid(in scratch: TemporaryFolder, renaming tensor: String? = nil) throws -> String {
    let path = scratch.file("model " + HostileText.text)
    var config = try Fixtures.json("tiny-qwen3.5/config.json").objectValue ?? OrderedObject()
    config.append(HostileText.text, .string(HostileText.text))
    try folder(path, replacing: "config.json", by: OrderedJSON.object(config).serialized())
    var tokens = try Fixtures.json("tiny-qwen3.5/tokenizer_config.json").objectValue ?? OrderedObject()
    var template = OrderedObject()
    template.append("name", .string(HostileText.text))
    template.append("template", .string(HostileText.text))
    tokens["chat_template"] = .array([.object(template)])
    try FileManager.default.removeItem(atPath: path + "/tokenizer_config.json")
    try Data(OrderedJSON.object(tokens).serialized()).write(to: URL(filePath: path + "/tokenizer_config.json"))
    try FileManager.default.removeItem(atPath: path + "/model.safetensors")
    let checkpoint = try Containers.open(Self.model)
    let writer = try SafetensorsWriter(
      path: path + "/model.safetensors", metadata: [(HostileText.text, HostileText.text)],
      tensors: descriptions(checkpoint).map { entry in
        var entry = entry
        if entry.name == tensor { entry.name = HostileText.text }
        return entry
      })
    for (index, tensor) in checkpoint.tensors.enumerated() { try writer.copyTensor(index, from: tensor) }
    _ = try writer.finish()
    return path
  }

  @Test func `every command over a model with hostile texts`() throws {
    let scratch = try TemporaryFolder()
    let evil = HostileText.text
    let model = try valid(in: scratch)
    let text = scratch.file("text" + evil)
    try Data("It was the best of times, it was the worst of times. \u{FF}".utf8 + [0xFF]).write(to: URL(filePath: text))
    let gguf = scratch.file("out \(evil).gguf")
    let prompt = ["--prompt", evil, "--raw"]
    for (arguments, status): ([String], Int32) in [
      (["show", model], 0), (["show", model, "--tensors"], 0), (["show", model, "--json"], 0),
      (["convert", model, "--dry-run"], 0), (["convert", model, "--dry-run", "--json"], 0),
      (["convert", model, "--output", gguf, "--checksums", scratch.file("sums" + evil)], 0),
      (["convert", model, "--output", gguf], 64),
      (["show", gguf], 0), (["show", gguf, "--tensors"], 0), (["show", gguf, "--json"], 0),
      (["convert", gguf, "--to", "safetensors", "--output", scratch.file("back" + evil)], 0),
      (["quantize", gguf, "Q8_0", "--output", gguf], 64),
      (["quantize", model, "Q8_0", "--tensor", "\(evil)=Q4_0", "--dry-run"], 64),
      (["quantize", model, "Q8_0", "--tensor", "\(evil.replacing("[", with: ""))=Q4_0", "--dry-run"], 2),
      (["quantize", model, "Q8_0", "--tensor", "(\(evil)=Q4_0", "--dry-run"], 64),
      (["quantize", model, evil], 64), (["quantize", model, "--recipe", text], 2),
      (["quantize", model, "Q8_0", "--importance", text], 2), (["convert", model, "--type", evil], 64),
      (["convert", model, "--split-size", evil], 64), (["convert", model, "--to", evil], 64),
      (["evaluate", model, "--text", text, "--context", "8", "--windows", "1"], 0),
      (["evaluate", model, "--text", text, "--context", "8", "--windows", "1", "--json"], 0),
      (["generate", model, "--tokens", "1", "--json"] + prompt, 0),
      (["generate", gguf, "--tokens", "1", "--json", "--image", evil] + prompt, 2),
      (["generate", gguf, "--tokens", "1", "--image", Self.picture, "--vision", evil] + prompt, 2),
      (["generate", gguf, "--tokens", "1", "--image", Self.picture, "--vision", gguf] + prompt, 2),
      (["trace", model, "--output", scratch.file("trace" + evil)] + prompt, 0),
      (["tokenize", model, "--text", evil], 0), (["tokenize", model, "--file", evil], 2),
      (["bench", "--filter", evil], 64), ([evil], 64), (["show", evil], 2), (["show", "--" + evil], 64),
      (["show", "-" + evil], 64), (["show", model, evil], 64), (["show", model, gguf], 64), (["help", evil], 0),
      (["show", model, "--threads", evil], 64), (["generate", model], 64),
    ] {
      let run = try CommandLineRun(arguments, in: scratch.path)
      #expect(HostileText.harm(run) == nil, "\(arguments)")
      #expect(run.status == status, "\(arguments.map(\.debugDescription)): \(run.errors)")
    }
  }

  @Test func `names of tensors, and families that are not known`() throws {
    let scratch = try TemporaryFolder()
    let model = try valid(in: scratch, renaming: "mtp.fc.weight")
    let other = scratch.file("other.gguf")
    try writeZeros(
      other,
      Metadata([
        ("general.architecture", .string(HostileText.text)), (HostileText.text, .string(HostileText.text)),
        ("tokenizer.ggml.model", .string(HostileText.text)),
        ("tokenizer.ggml.tokens", .array(.string([HostileText.text]))),
      ]), [TensorDescription(name: String(HostileText.text.prefix(12)) + ".weight", type: .f32, shape: Shape([2, 32]))])
    for arguments in [
      ["show", model, "--tensors"], ["show", model, "--json"], ["convert", model, "--dry-run"],
      ["generate", model, "--prompt", "a"], ["show", other, "--tensors"], ["show", other, "--json"],
      ["convert", other, "--dry-run"], ["quantize", other, "Q8_0", "--dry-run"],
      ["quantize", other, "Q8_0", "--dry-run", "--json"], ["quantize", other, "Q8_0", "--tensor", "x=Q4_0"],
      ["tokenize", other, "--text", "a"], ["generate", other, "--prompt", "a"],
    ] {
      let run = try CommandLineRun(arguments, in: scratch.path)
      #expect(HostileText.harm(run) == nil, "\(arguments)")
    }
  }

  /// A model of zeros says its first token, which here tries to colour the terminal.
  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/script"), "needs a terminal"))
  func `a model's answer has no power over a terminal and is itself in a pipe`() throws {
    let folder = try converted()
    let checkpoint = try Containers.open(folder.file("text.gguf"))
    var metadata = checkpoint.metadata
    metadata.removeAll(prefix: "quern.")
    let tokens = metadata.strings("tokenizer.ggml.tokens") ?? []
    // In the alphabet of bytes this is the escape character.
    metadata["tokenizer.ggml.tokens"] = .array(.string(TextList(["\u{11B}[31m"] + tokens.dropFirst())))
    metadata["tokenizer.ggml.merges"] = .array(.string([]))
    try writeZeros(folder.file("zeros.gguf"), metadata, descriptions(checkpoint))
    let arguments = "generate zeros.gguf --raw --prompt a --tokens 2 --quiet"
    let piped = try CommandLineRun(shell: "$QUERN \(arguments)", in: folder.path)
    #expect(piped.output == "\u{1B}[31m\u{1B}[31m\n", "\(piped.errors)")
    let shown = try CommandLineRun(shell: "/usr/bin/script -qec \"$QUERN \(arguments)\" /dev/null", in: folder.path)
    #expect(shown.output == "\\u{1b}[31m\\u{1b}[31m\r\n", "\(shown.output.debugDescription)")
  }
}
