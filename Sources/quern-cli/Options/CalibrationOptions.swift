import ArgumentParser
import Base
import Calibration
import Conversion
import Quants
import Runtime

/// Types chosen by what they cost, as `quantize` takes them.
struct CalibrationOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "What quern calibrate wrote: weighs columns by it, and chooses types that cost least within the bytes of the recipe.",
      valueName: "file"))
  var calibration: String?

  @Flag(help: "Only choose types; weights are rounded one by one.")
  var typesOnly = false

  @Flag(help: "Keep the types of the recipe.")
  var keepTypes = false

  @Option(
    help: ArgumentHelp(
      """
      The types to choose among: k (the k-types, and those with blocks of 32 for rows they do not fit), k+iq4 (also IQ4_XS and \
      IQ4_NL; the default), k+iq (also the codebooks of one to three bits).
      """, valueName: "set"))
  var candidates: CandidateTypes.Family?

  @Option(
    name: .customLong("for"),
    help: ArgumentHelp(
      "Only types that a runtime is fast at (\(RuntimeTypes.names.joined(separator: ", "))), or a list of types.",
      valueName: "list"))
  var runtimes: String?

  @Option(
    help: ArgumentHelp(
      "The most bytes of all that is written, for example 500M; RECIPE may be left out.", valueName: "size"))
  var fit: String?

  @Option(help: ArgumentHelp("Bits of a weight to get along with; RECIPE may be left out.", valueName: "x"))
  var bits: Double?

  /// Whether a size is asked for, so that a recipe need not be.
  var hasBudget: Bool { fit != nil || bits != nil }
  /// Whether anything here was asked for.
  private var isUsed: Bool { calibration != nil || hasBudget }

  func validate() throws {
    if fit != nil, bits != nil { throw ValidationError("--fit and --bits exclude each other.") }
    if let fit, (try? ByteSize.parse(fit)) == nil {
      throw ValidationError("--fit \(fit) is not a size; write for example 500M or 4.5G.")
    }
    if let bits, !(bits > 0 && bits <= 32) { throw ValidationError("--bits must be above 0 and at most 32.") }
    if let runtimes {
      do { _ = try RuntimeTypes.parse(runtimes) } catch { throw ValidationError("--for: \(error.message).") }
    }
    if keepTypes {
      for (name, isGiven) in [
        ("--types-only", typesOnly), ("--candidates", candidates != nil), ("--for", runtimes != nil),
        ("--fit", fit != nil), ("--bits", bits != nil),
      ] where isGiven {
        throw ValidationError("--keep-types and \(name) exclude each other: types are kept, or they are chosen.")
      }
    }
    guard !isUsed else { return }
    for (name, isGiven) in [
      ("--types-only", typesOnly), ("--keep-types", keepTypes), ("--candidates", candidates != nil),
      ("--for", runtimes != nil),
    ] where isGiven {
      throw ValidationError("\(name) goes with --calibration FILE, --fit SIZE or --bits X.")
    }
  }

  /// Refuses what does not go with other options of `quantize`.
  func check(importance: String?, pure: Bool, recipeFile: String?) throws {
    guard isUsed else { return }
    let name = calibration != nil ? "--calibration" : fit != nil ? "--fit" : "--bits"
    if importance != nil {
      throw ValidationError("\(name) and --importance exclude each other: a calibration has importance of its own.")
    }
    if pure { throw ValidationError("\(name) and --pure exclude each other; a list of one type is --for TYPE.") }
    guard recipeFile != nil else { return }
    for (name, isGiven) in [
      ("--fit", fit != nil), ("--bits", bits != nil), ("--candidates", candidates != nil), ("--for", runtimes != nil),
    ] where isGiven {
      throw ValidationError("--recipe FILE and \(name) exclude each other: the types of a recipe file are kept.")
    }
  }

  /// Refuses outputs that stand already or have no place, before anything is calibrated or chosen.
  ///
  /// A split output is looked at when it is known how many files it has, and a vision encoder when its types are.
  func checkOutput(of source: String, _ options: ConversionOptions, namesRecipe: Bool) throws {
    guard isUsed else { return }
    var check = try OutputCheck(sources: [source], overwrite: options.overwrite)
    if let path = options.savedRecipe { try check.file(path) }
    guard options.splitSize == nil else { return }
    var options = options
    if !keepTypes, options.recipeFile == nil {
      // Any recipe that needs nothing: only what the output is called counts.
      let name = TypeChooser.name(of: options.recipe, isNamed: namesRecipe)
      options.recipe = try Recipe.named("Q8_0")
      options.recipe.name = name
      let plan = try Conversion.plan(source: source, options: options)
      for path in plan.files[0].paths { try check.file(path, mayReplaceSource: plan.files.count == 1) }
    } else if let path = options.output {
      try check.file(path, mayReplaceSource: true)
    }
  }

  /// A plan by the calibration; nil where none was asked for.
  func choice(
    of source: String, _ options: ConversionOptions, namesRecipe: Bool, common: CommonOptions
  ) throws -> TypeChooser.Choice? {
    guard isUsed else { return nil }
    let candidates = CandidateTypes(candidates ?? .kAndIQ4, only: try runtimes.map(RuntimeTypes.parse))
    let chooser = TypeChooser(
      source: source, guide: try guide(for: source, common), candidates: candidates, threads: common.threadCount)
    let report = ProgressReport(quiet: common.quiet)
    let keeps = keepTypes || options.recipeFile != nil
    report.begin(keeps ? "weighing the types" : "choosing types")
    defer { report.finish() }
    func told(_ done: Int, _ total: Int) {
      report.update(done: Double(done), total: Double(total)) { "\(fixed($0, 1)) tensors/s" }
    }
    if keeps { return try chooser.keepingTypes(options, progress: told) }
    return try chooser.choose(options, within: try budget(), namesRecipe: namesRecipe, progress: told)
  }

  /// Rounds with error feedback what a plan quantizes; nil where that was not asked for.
  ///
  /// What is done so far stands in a hidden folder beside the output, from which the same command goes on.
  func rounding(
    of source: String, _ choice: TypeChooser.Choice?, _ common: CommonOptions
  ) throws -> RoundingState? {
    guard let plan = choice?.plan, let guide = plan.guide as? CalibrationGuide, !typesOnly else { return nil }
    try plan.check()
    let run = try RoundingRun(OpenedModel(source), guide.calibration, plan, threads: common.threadCount)
    guard run.isNeeded else { return nil }
    let path = Path(plan.files[0].path)
    let folder = (path.folder.isEmpty || path.folder == "." ? "" : path.folder + "/") + ".\(path.name).rounding"
    let needed = plan.bytesOut + run.stored
    if !FileSystem.isFolder(folder), let free = plan.bytesFree, free < needed {
      throw CheckpointError(
        .noSpace,
        "the output and what is kept until it stands need \(needed) bytes and the disk has \(free) free; free some space or "
          + "choose another place", file: plan.files[0].path)
    }
    let report = ProgressReport(quiet: common.quiet)
    report.begin(
      "rounding with error feedback, in about \(byteSize(UInt64(run.memory))) of memory; what is done is kept in \(folder)"
    )
    defer { report.finish() }
    return try run(folder: folder) { done, total in
      report.update(done: Double(done), total: Double(total)) { "\(fixed($0 * 60, 1)) layers/min" }
    }
  }

  private func budget() throws -> TypeBudget {
    if let fit { return .bytes(try ByteSize.parse(fit)) }
    return bits.map { .bitsPerWeight($0) } ?? .recipe
  }

  /// The calibration that was named, or one on the texts that come with the program.
  ///
  /// - Throws: `mismatch` for one of other weights.
  private func guide(for source: String, _ common: CommonOptions) throws -> CalibrationGuide {
    guard let calibration else {
      // Gone with the run; quern calibrate makes one to keep.
      let folder = try TemporaryPlace()
      var words = [source, "--output", folder.path + "/built-in.gguf", "--threads", String(common.threadCount)]
      if common.quiet { words.append("--quiet") }
      let command = try Calibrate.parse(words)
      _ = try command.calibrate()
      return try CalibrationGuide(path: folder.path + "/built-in.gguf")
    }
    let guide = try CalibrationGuide(path: calibration)
    try guide.calibration.check(OpenedModel(source), in: calibration)
    return guide
  }
}

extension CandidateTypes.Family: ExpressibleByArgument {}
