import Architectures
import ArgumentParser
import Containers
import Evaluation
import Tensors

/// `quern validate`: what was lost between a model before and after.
struct Validate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say what was lost: run a model before and after on the same texts.",
    discussion: """
      Both models read the same windows, and their predictions are compared position by position: divergence, agreement, \
      perplexity, each with a 95 % interval that counts windows, not tokens. docs/validation.md says what each figure means. \
      Exit code 1 when a limit is exceeded.
      """)

  @Argument(help: "The model as it was.")
  var before: String

  @Argument(help: "What became of it; several are compared with the same run of BEFORE.")
  var after: [String]

  @Option(
    help: ArgumentHelp(
      """
      A text, UTF-8, or a folder of texts; repeatable. Each file is a category of its own. A .jsonl file holds conversations, of \
      which the assistant's turns are scored. Without texts, those that come with the program are read.
      """, valueName: "path"))
  var text: [String] = []

  @Option(help: ArgumentHelp("Tokens of a window; 512, or 128 for the built-in texts.", valueName: "n"))
  var context: Int?

  @Option(help: ArgumentHelp("Windows to take from the beginning of each text; all unless given.", valueName: "n"))
  var windows: Int?

  @Flag(
    help: "Also run every layer of AFTER by itself, on what BEFORE fed that layer: takes one more run of each AFTER.")
  var isolate = false

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

  @OptionGroup var reports: ReportOptions

  @Flag(help: "Replace a report that exists.")
  var overwrite = false

  @OptionGroup var common: CommonOptions

  func validate() throws {
    if after.isEmpty { throw ValidationError("name at least one model AFTER.") }
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

  func run() throws {
    try reports.check(sources: [before] + after + text, overwrite: overwrite)
    let texts = try ComparedTexts(text)
    for note in texts.notes { printNote("note: \(note)") }
    let original = try OpenedModel(before)
    let models = try after.map { path throws(CheckpointError) in try OpenedModel(path) }
    for opened in [original] + models { printNotes(opened.notes, quiet: common.quiet) }
    let report = ProgressReport(quiet: common.quiet)
    report.begin("comparing \(counted(models.count, "model")) with \(original.name)")
    let result = try Validation.measure(
      before: original, after: models, texts: texts.sources, context: context ?? texts.context, windows: windows,
      isolates: isolate, threads: common.threadCount
    ) { progress in
      report.update(done: Double(progress.windowsDone), total: Double(progress.windows)) {
        "\(fixed($0, 2)) windows/s"
      }
    }
    report.finish()
    let limits = ValidationLimits(
      divergence: maxDivergence, agreement: minAgreement, perplexityIncrease: maxPerplexityIncrease)
    let failures = limits.failures(of: result)
    if !reports.files.isEmpty {
      let invocation = try Invocation(of: [original] + models, threads: common.threadCount)
      try Report(validation: result, failures: failures, invocation: invocation).write(
        to: reports.files, overwrite: overwrite)
    }
    if common.json {
      printJSON(result.json(failures))
    } else {
      printLine(ValidationSummary.text(result))
    }
    for failure in failures.joined() { printError("\(failure)") }
    if failures.contains(where: { !$0.isEmpty }) { throw ExitCode(1) }
  }
}
