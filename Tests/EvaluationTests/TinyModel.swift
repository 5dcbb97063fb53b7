import Conversion
import TestSupport

/// The text of the tiny model by a recipe, as `RECIPE.gguf` in a folder.
func quantized(_ recipe: String, in folder: TemporaryFolder) throws -> String {
  var options = ConversionOptions.quantize(try .named(recipe))
  options.output = folder.file("\(recipe).gguf")
  options.vision = false
  _ = try Conversion.plan(source: Fixtures.path("tiny-qwen3.5"), options: options).run(threads: 2)
  return folder.file("\(recipe).gguf")
}
