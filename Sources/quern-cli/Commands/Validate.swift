import Architectures
import ArgumentParser
import Base
import Containers
import Conversion
import Evaluation
import Runtime

/// `quern validate`: what was lost between a model before and after.
struct Validate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say what was lost: run a model before and after on the same texts and pictures.",
    discussion: """
      Both models read the same windows, and their predictions are compared position by position: divergence, agreement, \
      perplexity, each with a 95 % interval that counts windows, not tokens. Models that see are shown pictures, and what they \
      would say is compared along the answers of BEFORE. A model is a folder, a GGUF with its projector beside it or behind a \
      comma (TEXT.gguf,MMPROJ.gguf); AFTER may be a projector alone. docs/validation.md says what each figure means. \
      BEFORE is computed exactly and AFTER at the --precision asked for: with deployed the figures are those of the answers that \
      llama.cpp's CPU backend will give. A baseline stands for BEFORE and its texts: --save-baseline writes one, and a base file of llama-perplexity is taken for \
      one too. Exit code 1 when a limit is exceeded.
      """)

  @Argument(help: "The model as it was, or a baseline of it.")
  var before: String

  @Argument(help: "What became of it; several are compared with the same run of BEFORE.")
  var after: [String] = []

  @Option(
    help: ArgumentHelp(
      """
      A text, UTF-8, or a folder of texts; repeatable. Each file is a category of its own. A .jsonl file holds conversations, of \
      which the assistant's turns are scored. Without texts, those that come with the program are read.
      """, valueName: "path"))
  var text: [String] = []

  @OptionGroup var pictures: PictureOptions

  @Option(
    help: ArgumentHelp("Tokens of a window; 512, 128 for the built-in texts, or those of the baseline.", valueName: "n")
  )
  var context: Int?

  @Option(help: ArgumentHelp("Windows to take from the beginning of each text; all unless given.", valueName: "n"))
  var windows: Int?

  @Flag(
    help: "Also run every layer of AFTER by itself, on what BEFORE fed that layer: takes one more run of each AFTER.")
  var isolate = false

  @Option(
    help: ArgumentHelp(
      "Also write what is needed to compare with BEFORE later, without it and without the texts.", valueName: "file"))
  var saveBaseline: String?

  @Option(
    help: ArgumentHelp(
      "Tokens that a baseline keeps of each position; \(BaselineHeader.usualEntries) unless given, \(BaselineHeader.allowedEntries.lowerBound) to \(BaselineHeader.allowedEntries.upperBound).",
      valueName: "n"))
  var baselineEntries: Int?

  @Option(
    help: ArgumentHelp(
      "Fail when the mean divergence, at the upper end of its interval, is above this.", valueName: "x"))
  var maxDivergence: Double?

  @Option(
    help: ArgumentHelp(
      "Fail when the share of equal likeliest tokens, at the lower end of its interval, is below this.", valueName: "x")
  )
  var minAgreement: Double?

  @Option(
    help: ArgumentHelp(
      "Fail when perplexity rises by more than this share, at the upper end of its interval: 0.01 is one percent.",
      valueName: "x"))
  var maxPerplexityIncrease: Double?

  @OptionGroup var running: PrecisionOptions
  @OptionGroup var reports: ReportOptions

  @Flag(help: "Replace a report or a baseline that exists.")
  var overwrite = false

  @OptionGroup var common: CommonOptions

  func validate() throws {
    if after.isEmpty, saveBaseline == nil { throw ValidationError("name at least one model AFTER.") }
    if after.isEmpty {
      let useless = [
        (maxDivergence != nil, "--max-divergence"), (minAgreement != nil, "--min-agreement"),
        (maxPerplexityIncrease != nil, "--max-perplexity-increase"), (isolate, "--isolate"),
        (!pictures.images.isEmpty, "--images"), (!pictures.prompt.isEmpty, "--prompt"),
        (!reports.report.isEmpty, "--report"),
      ].first { $0.0 }
      if let useless { throw ValidationError("\(useless.1) is about a model AFTER; name one.") }
    }
    if let baselineEntries {
      if saveBaseline == nil { throw ValidationError("--baseline-entries goes with --save-baseline.") }
      let allowed = BaselineHeader.allowedEntries
      if !allowed.contains(baselineEntries) {
        throw ValidationError("--baseline-entries must be between \(allowed.lowerBound) and \(allowed.upperBound).")
      }
    }
    if let context, context < 4 { throw ValidationError("--context must be at least 4.") }
    if let windows, windows < 1 { throw ValidationError("--windows must be at least 1.") }
    for (option, value) in [
      ("--max-divergence", maxDivergence), ("--min-agreement", minAgreement),
      ("--max-perplexity-increase", maxPerplexityIncrease),
    ] {
      if option == "--min-agreement", let value, value > 1 {
        throw ValidationError("--min-agreement is a share, at most 1: 0.99 is 99 percent.")
      }
      if let value, !value.isFinite || value < 0 { throw ValidationError("\(option) must be a number of at least 0.") }
    }
  }

  func run() throws { try Self.tell(compare(), common) }

  /// What came of a comparison.
  struct Outcome {
    let validation: Validation
    /// The limits that each model exceeds, in words.
    let failures: [[String]]
    /// The baseline, where one was asked for.
    let written: BaselineRecorder.Written?
    /// Why a baseline or a report could not be written: thrown when all that is known has been printed.
    let failure: CheckpointError?

    var document: OrderedJSON {
      var document = validation.json(failures).objectValue ?? [:]
      if let written { document["baseline"] = written.json }
      return .object(document)
    }

    var text: TerminalText {
      let parts =
        (validation.after.isEmpty ? [] : [ValidationSummary.text(validation)])
        + (written.map { [ValidationSummary.text($0)] } ?? [])
      return parts.joined(separator: "\n")
    }
  }

  /// Runs the models and writes the reports and the baseline that were asked for.
  func compare() throws -> Outcome {
    // Once before anything is opened, and once more when it is known what is read.
    try checkOutputs(beside: [])
    let record = try OpenedRecord(before)
    // A record has texts of its own.
    let texts = record != nil && text.isEmpty ? nil : try ComparedTexts(text)
    for note in texts?.notes ?? [] { printNote("note: \(note)") }
    let recorder = try makeRecorder(record)
    let shown = try pictures.read()
    let named =
      record == nil
      ? try ComparedModels(before: before, after: after, pictures: after.isEmpty ? .none : pictures.wish) : nil
    let original = named?.before
    let models = try named?.after ?? after.map { path throws(CheckpointError) in try OpenedModel(path) }
    let all = (original.map { [$0] } ?? []) + models
    for opened in all { printNotes(opened.notes, quiet: common.quiet) }
    printNotes(named?.notes ?? [], quiet: common.quiet)
    try checkOutputs(beside: Self.files(of: all, named?.sight))
    let task = try pictures.task(shown, named?.sight)
    let report = ProgressReport(quiet: common.quiet)
    report.begin(
      models.isEmpty ? "recording \(before)" : "comparing \(counted(models.count, "model")) with \(before)")
    let progress: @Sendable (Validation.Progress) -> Void = { progress in
      report.update(done: Double(progress.windowsDone), total: Double(progress.windows)) {
        "\(fixed($0, 2)) windows/s"
      }
    }
    let result: Validation
    if let record {
      result = try Validation.measure(
        record: record, after: models, texts: texts?.sources ?? [], windows: windows,
        precision: running.precision, threads: common.threadCount, progress: progress)
    } else {
      result = try Validation.measure(
        before: all[0], after: models, texts: texts?.sources ?? [],
        context: context ?? texts?.context ?? 512,
        windows: windows, isolates: isolate, pictures: task, precision: running.precision,
        threads: common.threadCount, recorder: recorder, progress: progress)
    }
    report.finish()
    let limits = ValidationLimits(
      divergence: maxDivergence, agreement: minAgreement, perplexityIncrease: maxPerplexityIncrease)
    let failures = limits.failures(of: result)
    var written: BaselineRecorder.Written?
    var failure: CheckpointError?
    do throws(CheckpointError) {
      if let original { written = try recorder?.write(original) }
      if !reports.files.isEmpty {
        let projectors = named?.sight?.encoders.map(\.path) ?? []
        let invocation = try Invocation(of: all, projectors: projectors, threads: common.threadCount)
        try Report(validation: result, failures: failures, invocation: invocation).write(
          to: reports.files, overwrite: overwrite)
      }
    } catch {
      failure = error
    }
    return Outcome(validation: result, failures: failures, written: written, failure: failure)
  }

  private var outputs: [String] { reports.files.map(\.path) + [saveBaseline].compactMap { $0 } }

  /// Refuses outputs that could not be written, or would take the place of anything that is read.
  private func checkOutputs(beside read: [String]) throws(CheckpointError) {
    var check = try OutputCheck(
      sources: [before] + after + text + pictures.images + read, folders: text + pictures.images, overwrite: overwrite)
    for path in outputs { try check.file(path) }
  }

  /// Every file that models and their vision encoders are read from.
  private static func files(of models: [OpenedModel], _ sight: Sight?) -> [String] {
    models.flatMap { model in
      (model.checkpoint.files + (model.projector?.files ?? [])).map(\.path)
        + [try? ProjectorFile.beside(model.checkpoint)].compactMap { $0 }
    } + (sight?.encoders.map(\.path) ?? [])
  }

  /// What writes the baseline that was asked for; refuses before any work what does not go together and what could not be written.
  private func makeRecorder(_ record: OpenedRecord?) throws -> BaselineRecorder? {
    if let record {
      if let unfit = unfit(for: record) { throw Usage.wrong(unfit, of: Validate.self) }
    }
    guard let saveBaseline else {
      return nil
    }
    return try BaselineRecorder(
      path: saveBaseline, entries: baselineEntries ?? BaselineHeader.usualEntries, overwrite: overwrite)
  }

  /// What was asked for and a record cannot give.
  private func unfit(for record: OpenedRecord) -> TerminalText? {
    if saveBaseline != nil { return "\(record.name) is a baseline already; name the model to save one." }
    if pictures.wish == .required {
      return "\(record.name) holds no pictures; name the model instead, or leave them out."
    }
    if isolate { return "--isolate runs layers of BEFORE; name the model instead of \(record.name)." }
    if let context, context != record.context {
      return "\(record.name) is made of windows of \(record.context); leave --context out."
    }
    if maxPerplexityIncrease != nil, !record.isBaseline {
      return "\(record.name) does not tell the perplexity before; leave --max-perplexity-increase out."
    }
    return nil
  }

  /// Prints what came out; exit code 1 where a limit is exceeded.
  private static func tell(_ outcome: Outcome, _ common: CommonOptions) throws {
    if common.json {
      printJSON(outcome.document)
    } else if !outcome.validation.after.isEmpty || outcome.written != nil {
      printLine(outcome.text)
    }
    if let failure = outcome.failure { throw failure }
    for failure in outcome.failures.joined() { printError("\(failure)") }
    if outcome.failures.contains(where: { !$0.isEmpty }) { throw ExitCode(1) }
  }
}
