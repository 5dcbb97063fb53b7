import Base
import Conversion
import Evaluation
import Quants
import Runtime
import TestSupport
import Testing

/// The perplexity of files quantized here, against the reference run on the reference's files.
@Test("Quantized files have the reference's perplexity", arguments: ["Q8_0", "Q4_0"])
func quantizedPerplexity(recipe: String) throws {
  let golden = try Fixtures.json("golden/tiny-qwen3.5/divergence.json")
  let expected = try #require(golden["files"]?[recipe]?["perplexity"]?.doubleValue)
  let folder = try TemporaryFolder()
  var options = ConversionOptions.quantize(try .named(recipe))
  options.output = folder.file("tiny.gguf")
  options.vision = false
  _ = try Conversion.plan(source: Fixtures.path("tiny-qwen3.5"), options: options).run(threads: 2)
  let found = try Perplexity.measure(
    OpenedModel(folder.file("tiny.gguf")), text: Fixtures.bytes("text/persuasion.txt"), context: 256, windows: 24,
    threads: 2)
  #expect(abs(found.perplexity / expected - 1) < 1e-5)
}
