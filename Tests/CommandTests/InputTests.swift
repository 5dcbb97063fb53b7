import Containers
import Foundation
import Base
import TestSupport
import Testing

/// Bad input is exit 2 and one sentence with a place.
@Suite(.serialized)
struct InputTests {
  private static let model = Fixtures.path("tiny-qwen3.5")
  private static let text = Fixtures.path("text/persuasion.txt")

  /// The tiny model as a GGUF, and its projector beside it.
  private func converted() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    let run = try CommandLineRun(
      ["convert", Self.model, "--type", "f32", "--quiet", "--output", folder.file("tiny.gguf")]
        + ["--vision-output", folder.file("mmproj-tiny.gguf")])
    #expect(run.status == 0, "\(run.errors)")
    return folder
  }

  private func expect(
    _ arguments: [String], status: Int32 = 2, _ words: String, in folder: String? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let run = try CommandLineRun(arguments, in: folder)
    #expect(run.status == status, "\(run.errors)", sourceLocation: sourceLocation)
    #expect(run.errors.contains(words), "\(run.errors)", sourceLocation: sourceLocation)
    #expect(run.output.isEmpty, "\(run.output)", sourceLocation: sourceLocation)
  }

  @Test(arguments: ["blk.3.attn_q.weight", "token_embd.weight"])
  func `one weight that is not a number is an error and no result`(tensor: String) throws {
    let folder = try converted()
    let path = folder.file("tiny.gguf")
    let entry = try Containers.open(path).tensor(tensor)
    let file = try FileHandle(forWritingTo: URL(filePath: path))
    // The last weight of the table is that of a token no prompt has: only its own logit suffers.
    try file.seek(toOffset: entry.offset + UInt64(entry.byteCount) - 4)
    try file.write(contentsOf: Data([0, 0, 0xC0, 0x7F]))
    try file.close()
    let byte = entry.offset + UInt64(entry.byteCount) - 4
    let words =
      "\(path): tensor \(tensor) at byte \(byte): the logits are not numbers, so nothing follows from them: value"
    try expect(["evaluate", path, "--text", Self.text, "--windows", "2", "--quiet", "--json"], words)
    try expect(["generate", path, "--raw", "--prompt", "It was", "--quiet"], words)
  }

  @Test func `a projector is not a text model, and families go by the container's names`() throws {
    let folder = try converted()
    let words = "mmproj-tiny.gguf: this is a projector (mmproj) and holds no text model; name the text model"
    try expect(["evaluate", folder.file("mmproj-tiny.gguf"), "--text", Self.text], words)
    try expect(["generate", folder.file("mmproj-tiny.gguf"), "--prompt", "a"], words)
    let writer = try GGUFWriter(
      path: folder.file("other.gguf"), metadata: Metadata([("general.architecture", .string("mamba"))]), tensors: [])
    _ = try writer.finish()
    try expect(
      ["generate", folder.file("other.gguf"), "--prompt", "a"], "the model family mamba is not known; known are qwen35")
  }

  @Test func `texts and prompts that do not fit name their file`() throws {
    let folder = try TemporaryFolder()
    let short = folder.file("short.txt")
    try Data("Too short.".utf8).write(to: URL(filePath: short))
    try expect(["evaluate", Self.model, "--text", short], "short.txt: the text has ")
    try expect(["evaluate", Self.model, "--text", Self.text, "--context", "8192"], "tiny-qwen3.5: a context of 8192")
    let long = String(repeating: "word ", count: 8000)
    try expect(["generate", Self.model, "--raw", "--prompt", long], "tiny-qwen3.5: the prompt has ")
    try expect(
      ["trace", Self.model, "--raw", "--prompt", long, "--output", folder.file("t")],
      "tiny-qwen3.5: the sequence would have")
    try expect(["evaluate", Self.model, "--text", ""], "'': there is no such file")
    try expect(["evaluate", Self.model, "--text", folder.path], "this is a folder; name a text file")
  }

  @Test func `patterns are searched in no time, and near names ignore case`() throws {
    try expect(["quantize", Self.model, "Q8_0", "--tensor", "(.+)+Z=Q4_0", "--dry-run"], "matches no tensor")
    let run = try CommandLineRun(["quantize", Self.model, "Q8_0", "--tensor", "ATTN_Q=Q4_0", "--dry-run"])
    #expect(run.status == 2)
    #expect(run.errors.contains("tiny-qwen3.5: the pattern ATTN_Q matches no tensor; there are blk."), "\(run.errors)")
    #expect(run.errors.contains(".attn_q.weight"), "\(run.errors)")
  }

  @Test func `a recipe's pattern is the recipe's fault`() throws {
    let folder = try TemporaryFolder()
    try Data("recipe mine\nbase Q4_K\n/ffn_(/ = Q8_0\n".utf8).write(to: URL(filePath: folder.file("mine")))
    try expect(
      ["quantize", Self.model, "--recipe", folder.file("mine"), "--dry-run"],
      "mine: line 3: the regular expression ffn_( cannot be used")
  }

  @Test func `what is left of a download says so, and what is not a recipe is named`() throws {
    let folder = try converted()
    let bytes = try Data(contentsOf: URL(filePath: folder.file("tiny.gguf")))
    for length in [100, 3000] {
      try bytes.prefix(length).write(to: URL(filePath: folder.file("cut.gguf")))
      try expect(["show", folder.file("cut.gguf")], "the download is incomplete")
    }
    for (text, words) in [
      ("<!DOCTYPE html><html>", "recipe: this is a web page, not the file itself"),
      ("{\"recipe\": 1}", "recipe: this is a JSON document, not a recipe"),
    ] {
      try Data(text.utf8).write(to: URL(filePath: folder.file("recipe")))
      try expect(["quantize", Self.model, "--recipe", folder.file("recipe"), "--dry-run"], words)
    }
  }

  @Test func `an adapter is shown as what it is`() throws {
    let folder = try TemporaryFolder()
    let header = Data(#"{"a.lora_A.weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#.utf8)
    var data = Data([UInt8(header.count), 0, 0, 0, 0, 0, 0, 0]) + header
    data += Data([0, 0, 0, 0])
    try data.write(to: URL(filePath: folder.file("adapter_model.safetensors")))
    let run = try CommandLineRun(["show", folder.file("adapter_model.safetensors")])
    #expect(run.status == 0 && run.output.contains("note: this is a LoRA adapter of another model"), "\(run.output)")
  }

  @Test(.enabled(if: Unprivileged.canRun, "nobody may enter this checkout"))
  func `a folder that may not be entered is no missing model`() throws {
    let folder = try TemporaryFolder()
    let run = try CommandLineRun(
      shell: """
        cd '\(folder.path)' && chmod 755 . && mkdir secret && cp '\(Self.model)/config.json' secret/in.gguf
        chmod 700 secret
        [ $(id -u) = 0 ] || chmod 000 secret
        \(Unprivileged.prefix) $QUERN show secret/in.gguf; status=$?
        chmod 700 secret; exit $status
        """)
    #expect(run.status == 74, "\(run.errors)")
    #expect(run.errors.contains("secret/in.gguf: looking it up failed: no permission"), "\(run.errors)")
  }

  @Test func `a model is called as it was named, and dots have the name of their folder`() throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createSymbolicLink(atPath: folder.file("link"), withDestinationPath: Self.model)
    let run = try CommandLineRun(
      ["evaluate", "link/", "--text", Self.text, "--windows", "1", "--context", "64", "--json"], in: folder.path)
    #expect(try run.json()["model"] == .string("link/"), "\(run.errors)")
    #expect(run.errors.contains("evaluating link/"))
    let plan = try CommandLineRun(["quantize", ".", "Q8_0", "--dry-run", "--json"], in: Self.model)
    #expect(plan.status == 0, "\(plan.errors)")
    #expect(try plan.json()["files"]?.arrayValue?.first?["path"] == .string("tiny-qwen3.5-Q8_0.gguf"))
  }

  @Test func `texts come through pipes, and bytes that are not UTF-8 are noted`() throws {
    let run = try CommandLineRun(
      shell: """
        { head -c 600 '\(Self.text)'; printf '\\377'; head -c 600 '\(Self.text)'; } \
          | $QUERN evaluate '\(Self.model)' --text /dev/stdin --context 64 --windows 1 --quiet
        """)
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.output.contains("31 tokens in 1 window of 64"), "\(run.output)")
    #expect(run.errors.contains("note: /dev/stdin at byte 600: this is not UTF-8"), "\(run.errors)")
    let clean = try CommandLineRun(
      shell: "exec $QUERN tokenize '\(Self.model)' --file /dev/stdin --json < /dev/null", in: nil)
    #expect(try clean.json()["count"] == .integer(0))
  }

  @Test func `each file has its own bits per weight, and the first is the model's`() throws {
    let folder = try TemporaryFolder()
    let run = try CommandLineRun(["quantize", Self.model, "Q4_0", "--json", "--quiet"], in: folder.path)
    let document = try run.json()
    let files = try #require(document["files"]?.arrayValue)
    let shown = try CommandLineRun(["show", "tiny-qwen3.5-Q4_0.gguf", "--json"], in: folder.path).json()
    #expect(document["bits_per_weight"] == shown["bits_per_weight"])
    #expect(files.map { $0["bits_per_weight"]?.doubleValue ?? 0 }.count == 2)
    #expect(files[0]["bits_per_weight"] == shown["bits_per_weight"])
    #expect((files[1]["bits_per_weight"]?.doubleValue ?? 0) > 15)
    let text = try CommandLineRun(
      ["quantize", Self.model, "Q4_0", "--quiet", "--overwrite"], in: folder.path
    ).output
    #expect(text.contains("tiny-qwen3.5-Q4_0.gguf: ") && text.components(separatedBy: "bits per weight").count == 3)
  }
}
