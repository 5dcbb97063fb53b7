import ArgumentParser
import Base
import Engine
import Evaluation
import Runtime

/// `quern evaluate`: perplexity of a model on a text.
struct Evaluate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure how well a model predicts a text.",
    discussion: """
      Windows of --context tokens lie back to back; of each, positions context/2 to context-2 predict their successor. \
      Perplexity is exp(mean negative log-likelihood), given with its standard error: llama-perplexity's definition, \
      computed in f32 on the weights as stored, at the --precision asked for.
      """)

  @Argument(help: "The model.")
  var model: String

  @Option(
    help: ArgumentHelp(
      "The text, UTF-8; a file or a pipe, - for standard input. Bytes that are not UTF-8 are scored as bytes, and a note says where they begin.",
      valueName: "file"))
  var text: String

  @Option(help: ArgumentHelp("Tokens of a window.", valueName: "n"))
  var context = 512

  @Option(help: ArgumentHelp("Windows to take from the beginning; all unless given.", valueName: "n"))
  var windows: Int?

  @OptionGroup var running: PrecisionOptions
  @OptionGroup var common: CommonOptions

  func validate() throws {
    if context < 4 { throw ValidationError("--context must be at least 4.") }
    if let windows, windows < 1 { throw ValidationError("--windows must be at least 1.") }
  }

  func run() throws {
    let input = try TextInput(text)
    for note in input.notesOfScored { printNote("note: \(note)") }
    let opened = try OpenedModel(model)
    printNotes(opened.notes, quiet: common.quiet)
    let report = ProgressReport(quiet: common.quiet)
    report.begin("evaluating \(opened.name)")
    let result = try Perplexity.measure(
      opened, text: input.bytes, textName: input.name, context: context, windows: windows,
      precision: running.precision, threads: common.threadCount
    ) { progress in
      report.update(done: Double(progress.windowsDone), total: Double(progress.windows)) {
        "\(fixed($0 * Double(context), 0)) tokens/s, perplexity \(fixed(progress.perplexity, 4))"
      }
    }
    report.finish()
    if common.json {
      printJSON(result.json)
    } else {
      printLine(
        "perplexity \(fixed(result.perplexity, 4)) ± \(fixed(result.standardError, 4)) over "
          + "\(counted(result.tokensScored, "token")) in \(counted(result.windows, "window")) of \(result.context)")
      printLine("\(fixed(result.tokensPerSecond, 1)) tokens/s, \(fixed(result.seconds, 2)) s")
      printLine("text sha256 \(result.textSHA256)")
      printLine("precision \(result.precision.rawValue), kernels \(result.kernels)")
    }
  }
}
