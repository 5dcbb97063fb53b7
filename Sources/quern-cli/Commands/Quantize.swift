import ArgumentParser
import Base
import Calibration
import Conversion
import Quants
import Runtime
import Text

/// `quern quantize`: fewer bits.
struct Quantize: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Pack a model's weights into fewer bits.",
    discussion: """
      Takes a Hugging Face folder directly, in one pass, and writes its vision encoder as an mmproj (F16) beside it; or a GGUF. \
      The bytes are those of llama-quantize with the same recipe. --calibration FILE chooses types by what they cost, within \
      the bytes of the recipe, or of --fit and --bits; docs/types.md says how. --validate then runs the model before and after on the texts \
      and pictures that come with the program and says what was lost; quern validate takes others.
      """)

  @Argument(help: "The model.")
  var source: String

  @Argument(help: "\(Recipe.available.joined(separator: ", ")).")
  var recipe: String?

  @Option(
    name: .customLong("recipe"),
    help: ArgumentHelp(
      "Take the recipe from a file instead; formats/recipes.md says what it may hold.", valueName: "file"))
  var recipeFile: String?

  @Option(help: ArgumentHelp("Write the recipe, --tensor and --pure applied, into a file.", valueName: "file"))
  var saveRecipe: String?

  @Option(
    help: ArgumentHelp(
      "How much each column matters, as llama-imatrix writes it (GGUF or .dat); the lowest-bit recipes need it.",
      valueName: "file"))
  var importance: String?

  @Option(
    name: .customLong("tensor"),
    help: ArgumentHelp(
      "A type for tensors whose GGUF name matches a regular expression, such as '^output' or token_embd; repeatable, later ones win.",
      valueName: "pattern=type"))
  var overrides: [String] = []

  @Flag(help: "Use exactly this type for everything it fits.")
  var pure = false

  @Flag(name: .customLong("validate"), help: "Then say what was lost, as quern validate does.")
  var isValidated = false

  @OptionGroup var calibrated: CalibrationOptions
  @OptionGroup var reports: ReportOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var writing: WritingOptions
  @OptionGroup var common: CommonOptions

  func validate() throws {
    if recipe == nil, recipeFile == nil, !calibrated.hasBudget {
      throw ValidationError("name a recipe, or give one as --recipe FILE; --fit SIZE and --bits X do without.")
    }
    if recipe != nil, recipeFile != nil {
      throw ValidationError("RECIPE and --recipe FILE exclude each other; give one of them.")
    }
    try calibrated.check(importance: importance, pure: pure, recipeFile: recipeFile)
    if writing.dryRun, saveRecipe != nil {
      throw ValidationError("--dry-run prints the recipe and writes nothing; --save-recipe goes with a run.")
    }
    if writing.dryRun, isValidated || !reports.report.isEmpty {
      throw ValidationError("--dry-run writes nothing, so there is nothing to validate.")
    }
  }

  func run() throws {
    var options = ConversionOptions.quantize(try namedRecipe())
    options.overrides = try overrides.map(Self.parse)
    try writing.apply(to: &options, output)
    options.guide = try importance.map { path throws(CheckpointError) in try ImportanceGuide(path: path) }
    options.savedRecipe = saveRecipe
    options.recipeFile = recipeFile
    let began = monotonicSeconds()
    if !writing.dryRun { try calibrated.checkOutput(of: source, options, namesRecipe: recipe != nil) }
    let choice = try calibrated.choice(of: source, options, namesRecipe: recipe != nil, common: common)
    let plan = try choice?.plan ?? Conversion.plan(source: source, options: options, threads: common.threadCount)
    try writing.check(plan)
    let proof = try proof(of: plan)
    let rounding = writing.dryRun ? nil : try calibrated.rounding(of: source, choice, common)
    try PlanReport.carryOut(
      rounding.map { rounding throws(CheckpointError) in try plan.taking(rounding.tensors()) } ?? plan,
      forecast: choice?.forecast, dryRun: writing.dryRun, common: common, began: began, proof: proof)
    try rounding?.remove()
  }

  /// The comparison of what a plan writes with its source, where that was asked for: the command that would be typed.
  ///
  /// Throws what can be known before anything is written: a model that cannot be run, a report that cannot be written.
  private func proof(of plan: Plan) throws -> (() throws -> Validate.Outcome)? {
    guard isValidated || !reports.report.isEmpty else { return nil }
    try reports.check(sources: [source] + plan.files.flatMap(\.paths), overwrite: output.overwrite)
    // The source is needed once more when the output stands, so the output does not take its place.
    var check = try OutputCheck(sources: [source], overwrite: true)
    for path in plan.files[0].paths { try check.file(path) }
    _ = try OpenedModel(source)
    var words = reports.report.flatMap { ["--report", $0] } + ["--threads", String(common.threadCount)]
    if output.overwrite { words.append("--overwrite") }
    if common.quiet { words.append("--quiet") }
    let after = plan.files.map { $0.paths[0] }.joined(separator: ",")
    let command = try Validate.parse(words + ["--", source, after])
    return { try command.compare() }
  }

  private func namedRecipe() throws -> Recipe {
    if let recipeFile {
      let recipe = try Recipe(file: recipeFile)
      return pure ? recipe.pure : recipe
    }
    // Where only a size is asked for, the recipe is chosen with the types.
    let recipe = recipe ?? "Q4_K_M"
    do {
      return try Recipe.named(recipe, pure: pure)
    } catch  where FileSystem.exists(recipe) {
      throw ValidationError(
        "\(recipe) is a file and not the name of a recipe: quantize takes one model and a recipe; --recipe FILE reads one "
          + "from a file.")
    } catch {
      throw ValidationError(error.message + ".")
    }
  }

  /// `PATTERN=TYPE`; the pattern may itself hold equals signs.
  private static func parse(_ text: String) throws -> (pattern: String, type: TensorType) {
    guard let equals = text.lastIndex(of: "="), equals != text.startIndex else {
      throw ValidationError("--tensor takes PATTERN=TYPE, for example 'ffn_down=Q8_0'.")
    }
    let type = try tensorType(String(text[text.index(after: equals)...]), option: "--tensor")
    let pattern = String(text[..<equals])
    do {
      _ = try NamePattern(pattern)
    } catch {
      throw ValidationError("--tensor: \(error.message).")
    }
    return (pattern, type)
  }
}
