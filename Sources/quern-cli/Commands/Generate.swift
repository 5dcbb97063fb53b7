import ArgumentParser
import Base
import Engine
import Quants
import Runtime
import Tokenizers

/// What commands take that give a model a prompt.
struct PromptOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The prompt.", valueName: "text"))
  var prompt: String

  @Flag(help: "Take the prompt as it is; otherwise it is one user turn in the model's chat format.")
  var raw = false

  @Option(
    help: ArgumentHelp(
      "A picture (PNG or JPEG); may be repeated. With --raw the prompt has one <|image_pad|> for each.",
      valueName: "file"))
  var image: [String] = []

  @Option(
    help: ArgumentHelp("The mmproj of a text GGUF; without it the one beside the model is taken.", valueName: "file"))
  var vision: String?

  func validate() throws {
    if image.isEmpty, vision != nil { throw ValidationError("--vision goes with --image.") }
  }

  /// The prompt with its pictures and the vision encoder that reads them; nil for a prompt of text.
  func pictures(_ opened: OpenedModel, quiet: Bool) throws -> (prompt: PicturePrompt, reader: PictureReader)? {
    guard !image.isEmpty else { return nil }
    let reader = try PictureReader(opened, vision: vision)
    printNotes(reader.notes, quiet: quiet)
    return (try reader.prompt(prompt, raw: raw, pictures: image), reader)
  }
}

/// `quern generate`: continue a prompt.
struct Generate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Continue a prompt, greedily unless --temperature is given.")

  @Argument(help: "The model.")
  var model: String

  @OptionGroup var prompt: PromptOptions

  @Option(help: ArgumentHelp("The most tokens to generate.", valueName: "n"))
  var tokens = 64

  @Option(help: ArgumentHelp("Draw tokens at this temperature instead of taking the likeliest.", valueName: "t"))
  var temperature: Float = 0

  @Option(help: ArgumentHelp("Draw only among the n likeliest tokens; 0 for all.", valueName: "n"))
  var topK: Int?

  @Option(
    help: ArgumentHelp("Draw only among the likeliest tokens that reach this probability together.", valueName: "p"))
  var topP: Float?

  @Option(help: ArgumentHelp("The seed of drawing, 0 unless given; the same seed gives the same text.", valueName: "n"))
  var seed: UInt64?

  @OptionGroup var running: PrecisionOptions
  @OptionGroup var common: CommonOptions

  func validate() throws {
    if tokens < 1 { throw ValidationError("--tokens must be at least 1.") }
    if !(temperature >= 0 && temperature.isFinite) { throw ValidationError("--temperature must be 0 or above.") }
    if let topK, topK < 0 { throw ValidationError("--top-k must be 0 or above.") }
    if let topP, !(topP > 0 && topP <= 1) { throw ValidationError("--top-p must be above 0 and at most 1.") }
    let given = [("--top-k", topK != nil), ("--top-p", topP != nil), ("--seed", seed != nil)]
    if temperature == 0, let idle = given.first(where: { $0.1 }) {
      throw ValidationError("\(idle.0) does nothing without a --temperature above 0: nothing is drawn.")
    }
  }

  func run() throws {
    let opened = try OpenedModel(model)
    printNotes(opened.notes, quiet: common.quiet)
    let pictures = try prompt.pictures(opened, quiet: common.quiet)
    let input = try pictures?.prompt.tokens ?? opened.promptTokens(prompt.prompt, raw: prompt.raw)
    let limit = min(tokens, try opened.room(after: input))
    let compute = Compute(threads: common.threadCount, precision: running.precision)
    var session = Session(
      model: opened.model, compute: compute, capacity: Session.capacity(prompt: input.count, limit: limit),
      draft: temperature == 0 ? opened.draftBlock() : nil)
    var sampler = Sampler(temperature: temperature, topK: topK ?? 0, topP: topP ?? 1, seed: seed ?? 0)
    var decoder = StreamingDecoder(opened.tokenizer)

    let start = monotonicSeconds()
    var seen = start
    if let (prompt, reader) = pictures {
      let rows = try reader.input(prompt, compute: compute)
      seen = monotonicSeconds()
      try session.read(rows)
    } else {
      try session.read(input)
    }
    let prompted = monotonicSeconds()
    let generated: [Int32]
    do {
      generated = try opened.answer(limit, session: &session, sampler: &sampler) { token in
        let piece = decoder.append(token)
        if !common.json { printAnswer(piece) }
      }
    } catch {
      throw pictures?.reader.explained(error) ?? error
    }
    let end = monotonicSeconds()
    let promptRate = Double(input.count) / max(prompted - seen, 1e-9)
    let rate = Double(generated.count) / max(end - prompted, 1e-9)
    if common.json {
      printJSON(
        jsonObject([
          ("text", .string(opened.tokenizer.decode(generated))),
          ("prompt_tokens", .array(input.map { .integer(Int64($0)) })),
          ("tokens", .array(generated.map { .integer(Int64($0)) })),
          ("vision_seconds", pictures == nil ? .null : .number(seen - start)),
          ("prompt_tokens_per_second", .number(promptRate)), ("tokens_per_second", .number(rate)),
          ("draft", session.drafts?.json ?? .null), ("model", .string(opened.name)),
          ("precision", .string(compute.precision.rawValue)),
          ("kernels", .string(compute.kernels.kernels.name)),
        ]))
    } else {
      printAnswer(decoder.finish() + "\n")
      if !common.quiet {
        let encoding: TerminalText = pictures == nil ? "" : ", image encoding \(fixed(seen - start, 1)) s"
        let precision: TerminalText = compute.precision == .exact ? "" : ", precision \(compute.precision.rawValue)"
        printNote("\(fixed(rate, 1)) tokens/s generated, \(fixed(promptRate, 1)) tokens/s read\(encoding)\(precision)")
      }
    }
  }
}

extension DraftFigures {
  /// What `draft` says in the result of `generate`.
  fileprivate var json: OrderedJSON {
    jsonObject([
      ("drafted", .integer(Int64(drafted))), ("accepted", .integer(Int64(accepted))),
      ("acceptance_rate", acceptanceRate.map { .number($0) } ?? .null),
    ])
  }
}
