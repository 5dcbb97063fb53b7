import Foundation
import Quants
import TestSupport
import Base
import Testing

/// Words that are nearly right, and texts that come in other ways.
struct WordTests {
  private static let model = Fixtures.path("tiny-qwen3.5")

  @Test(arguments: [
    (["conver", "x"], "there is no command conver (did you mean convert?)"),
    (["quantise"], "(did you mean quantize?)"), (["validte"], "(did you mean validate?)"),
    (["eval"], "(did you mean evaluate?)"), (["info"], "(did you mean show?)"),
    (["quantize", model, "iq4"], "(did you mean IQ4_NL or IQ4_XS?)"),
    (["convert", "x.gguf", "--output", "y.safetensors"], "for example --to safetensors --output y."),
    (["grind"], "there is no command grind; there are show, convert,"),
    (["quantize", model, "q4km"], "there is no recipe q4km (did you mean Q4_K_M?); there are"),
    (["quantize", model, "int4"], "(did you mean Q4_K_M?)"), (["quantize", model, "INT8"], "(did you mean Q8_0?)"),
    (["quantize", model, "q5-k-s"], "(did you mean Q5_K_S?)"),
    (["quantize", model, "Q4_9"], "(did you mean Q4_0"),
    (["quantize", model, "best"], "there is no recipe best; there are"),
    (["convert", model, "--type", "q4_k_m"], "Q4_K_M is a recipe, which mixes types: quern quantize SOURCE Q4_K_M"),
    (["convert", model, "--type", "int4"], "quern quantize SOURCE Q4_K_M"),
    (["convert", model, "--type", "float16"], "there is no type float16 (did you mean F16?)"),
    (["convert", model, "--type", "q80"], "(did you mean Q8_0?)"),
    (["show", model, "--tensor"], "Did you mean '--tensors'?"),
  ])
  func `near names are offered`(arguments: [String], words: String) throws {
    let run = try CommandLineRun(arguments)
    #expect(run.status == 64 && run.errors.contains(words), "\(run.errors)")
  }

  /// What is built some day leaves this list, and the one in the program.
  @Test(arguments: [
    ["doctor", "a"], ["verify", "a", "b"],
    ["quantize", "a", "Q4_0", "--only", "1/4"], ["quantize", "a", "Q4_0", "--to", "mlx"],
    ["convert", "a", "--to", "mlx"], ["convert", "a", "--to=compressed-tensors"], ["convert", "a", "--adapter", "b"],
  ])
  func `what is described and not built says so`(arguments: [String]) throws {
    let run = try CommandLineRun(arguments)
    #expect(run.status == 64 && run.errors.contains(" is not built yet."), "\(run.errors)")
  }

  @Test func `a dash is standard input`() throws {
    for option in ["--text -", "--file -"] {
      let run = try CommandLineRun(shell: "printf 'It was' | $QUERN tokenize '\(Self.model)' \(option)")
      let plain = try CommandLineRun(["tokenize", Self.model, "--text", "It was"])
      #expect(run.status == 0 && run.output == plain.output, "\(run.errors)")
    }
    let text = Fixtures.path("text/persuasion.txt")
    let run = try CommandLineRun(
      shell: "head -c 600 '\(text)' | $QUERN evaluate '\(Self.model)' --text - --context 64 --windows 1 --quiet")
    #expect(run.status == 0 && run.output.contains("in 1 window of 64"), "\(run.errors)")
  }

  @Test(arguments: [true, false])
  func `text in UTF-16 is read, and noted`(isLittle: Bool) throws {
    let folder = try TemporaryFolder()
    let text = "Naïve 漢字 🙂\n"
    var data = Data(isLittle ? [0xFF, 0xFE] : [0xFE, 0xFF])
    for unit in text.utf16 {
      data += isLittle ? [UInt8(unit & 255), UInt8(unit >> 8)] : [UInt8(unit >> 8), UInt8(unit & 255)]
    }
    try data.write(to: URL(filePath: folder.file("wide.txt")))
    try Data(text.utf8).write(to: URL(filePath: folder.file("plain.txt")))
    let wide = try CommandLineRun(["tokenize", Self.model, "--file", "wide.txt"], in: folder.path)
    let plain = try CommandLineRun(["tokenize", Self.model, "--file", "plain.txt"], in: folder.path)
    #expect(wide.status == 0 && wide.output == plain.output, "\(wide.errors)")
    #expect(
      wide.errors
        == "note: wide.txt: this is UTF-16 (\(isLittle ? "little" : "big")-endian); it is read as text and used as UTF-8\n"
    )
    try (data.dropLast(2) + (isLittle ? [0x3D, 0xD8] : [0xD8, 0x3D])).write(to: URL(filePath: folder.file("half.txt")))
    let half = try CommandLineRun(["tokenize", Self.model, "--file", "half.txt"], in: folder.path)
    #expect(half.status == 2 && half.errors.contains("half.txt: byte") == false, "\(half.errors)")
    #expect(half.errors.contains("half a character stands here"), "\(half.errors)")
  }

  @Test func `long lists are cut`() {
    #expect(listed(["a", "b"]) == "a, b")
    #expect(listed((1...108).map(String.init)) == "1, 2, 3, 4, 5 and 103 more")
    #expect(listed([String(repeating: "n", count: 1000)]).count == 201)
  }
}
