import Base
import Engine
import Conversion
import Evaluation
import Quants
import Runtime
import TestSupport
import Testing

/// Perplexities against those of llama.cpp's CPU backend on the same files (`scripts/generate/deployed.py`).
///
/// Rounding is chaotic: where two computations differ in the last bit of one sum, an integer of the next rounding differs now and then, and
/// from there on all of them do. So 2,032 positions agree to about a thousandth, as those of llama.cpp with and without flash attention
/// do; docs/numerics.md has 32,512.
struct DeployedPerplexityTests {
  @Test(arguments: ["BF16", "Q8_0", "Q4_0", "Q4_K_M", "Q3_K_M", "Q2_K", "IQ4_XS"])
  func `deployed files have the perplexity that llama.cpp finds`(recipe: String) throws {
    let golden = try Fixtures.json("golden/tiny-qwen3.5/deployed.json")
    let expected = try #require(golden["perplexity"]?[recipe]?.doubleValue)
    let context = try #require(golden["context"]?.intValue.map { Int($0) })
    let windows = try #require(golden["windows"]?.intValue.map { Int($0) })
    let folder = try TemporaryFolder()
    var options =
      recipe == "BF16" ? ConversionOptions.convert(to: .bf16) : ConversionOptions.quantize(try .named(recipe))
    options.output = folder.file("tiny.gguf")
    options.vision = false
    _ = try Conversion.plan(source: Fixtures.path("tiny-qwen3.5"), options: options).run(threads: 2)
    let found = try Perplexity.measure(
      OpenedModel(folder.file("tiny.gguf")), text: Fixtures.bytes("text/persuasion.txt"), context: context,
      windows: windows, precision: .deployed, threads: 2)
    #expect(found.precision == .deployed)
    #expect(abs(found.perplexity / expected - 1) < 1.5e-3, "\(found.perplexity), \(expected)")
  }
}
