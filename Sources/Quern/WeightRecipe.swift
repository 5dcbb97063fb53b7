import Base
import Containers
import Conversion
import Quants

/// Which type every tensor gets: a base type and rules that depart from it.
///
/// The published recipes assign the same types as llama-quantize, and their blocks have the same bytes. The language of own recipes is
/// specified in `formats/recipes.md` of the repository.
public struct WeightRecipe: Sendable, Equatable, CustomStringConvertible {
  let recipe: Recipe

  /// A published recipe, such as `Q4_K_M`, or a block type for everything it fits.
  ///
  /// - Parameter name: one of ``names``, whatever its case.
  /// - Throws: `unsupported`, listing what there is and what was likely meant.
  public init(named name: String) throws(QuernError) {
    recipe = try told { () throws(CheckpointError) in try Recipe.named(name) }
  }

  /// A recipe of your own.
  ///
  /// - Parameter text: statements, one a line or separated by semicolons: `base Q4_K; attn_v = Q6_K`.
  /// - Throws: `malformed`, naming the line.
  public init(text: String) throws(QuernError) {
    recipe = try told { () throws(CheckpointError) in try Recipe(text: text) }
  }

  /// One type for every weight matrix it fits, as a converter writes it; nil keeps the types of the source.
  public init(_ type: WeightType?) { recipe = .conversion(to: type?.type) }

  private init(_ recipe: Recipe) { self.recipe = recipe }

  /// The names of the published recipes.
  public static let names: [String] = Recipe.available

  /// The label, as file names carry it.
  public var name: String { recipe.name }

  /// The recipe with one rule more, which wins over those before it.
  ///
  /// - Parameters:
  ///   - type: what the tensors become.
  ///   - pattern: a regular expression that is looked for in GGUF names, such as `ffn_down`. One that matches nothing is refused when a
  ///     plan is made.
  /// - Returns: the longer recipe.
  public func storing(_ type: WeightType, in pattern: String) -> WeightRecipe {
    var longer = recipe
    longer.rules.append(Recipe.Rule([.pattern(pattern)], type.type))
    return WeightRecipe(longer)
  }

  /// The recipe without its rules: the base type for everything it fits.
  public var pure: WeightRecipe { WeightRecipe(recipe.pure) }

  /// All statements, as ``init(text:)`` reads them.
  public var description: String { recipe.text }
}

/// How much each column of each weight matrix matters, as llama-imatrix measured it: block formats then spend their precision there.
public struct ColumnImportance: Sendable {
  let guide: ImportanceGuide

  /// Reads an importance file.
  ///
  /// - Parameter path: a file of llama-imatrix, GGUF or the older `.dat`.
  /// - Throws: `missing` when there is none, `malformed` when it breaks a rule of its format.
  public init(path: String) throws(QuernError) {
    guide = try told { () throws(CheckpointError) in try ImportanceGuide(path: path) }
  }

  /// Matrices it has values for.
  public var count: Int { guide.matrix.entries.count }
}
