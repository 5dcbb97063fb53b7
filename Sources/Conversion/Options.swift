import Quants

/// What to convert into what; one value for `convert` and `quantize`.
package struct ConversionOptions: Sendable {
  /// The container to write.
  package enum Target: Sendable {
    case gguf, safetensors
  }

  package var target: Target = .gguf
  /// Which type which tensor gets.
  package var recipe: Recipe = .conversion(to: nil)
  /// Whether the recipe is one of llama-quantize's: the output then says so, and the `mmproj` keeps F16.
  package var isQuantization = false
  /// What says how tensors are to be encoded; nil for the plain rules.
  package var guide: (any EncodingGuide)?
  /// Types by pattern over GGUF names; later ones win.
  package var overrides: [(pattern: String, type: TensorType)] = []
  /// Where to write; by the naming convention in the current folder if nil.
  package var output: String?
  /// Where to write the `mmproj`; beside `output` by the naming convention if nil.
  package var visionOutput: String?
  /// The type of the `mmproj`; nil means that of the recipe in a conversion and F16 in a quantization.
  package var visionType: TensorType?
  /// Whether the vision encoder is written.
  package var vision = true
  /// Whether the MTP block is written.
  package var mtp = true
  /// Which tensors without a place in the model are left out: patterns over their names.
  package var leaveOut: [String] = []
  /// The most bytes of one file; nil for single files.
  package var splitSize: UInt64?
  /// Whether existing outputs may be replaced.
  package var overwrite = false
  /// Where to write SHA-256 sums of files and tensors, computed on the way.
  package var checksums: String?
  /// Where to write the recipe as a text.
  package var savedRecipe: String?
  /// Where the recipe was read from, if that was a file.
  package var recipeFile: String?

  package init() {}

  /// The options of a conversion; nil keeps the source's types.
  package static func convert(to type: TensorType?) -> ConversionOptions {
    var options = ConversionOptions()
    options.recipe = .conversion(to: type)
    return options
  }

  /// The options of `quantize`.
  package static func quantize(_ recipe: Recipe) -> ConversionOptions {
    var options = ConversionOptions()
    options.recipe = recipe
    options.isQuantization = true
    return options
  }

  /// The recipe with the overrides as its last rules.
  package var fullRecipe: Recipe {
    var full = recipe
    full.rules += overrides.map { Recipe.Rule([.pattern($0.pattern)], $0.type) }
    return full
  }
}
