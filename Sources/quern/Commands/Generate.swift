import Architectures
import ArgumentParser
import Engine
import Tensors
import Tokenizers

/// What commands take that give a model a prompt.
struct PromptOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The prompt.", valueName: "text"))
  var prompt: String

  @Flag(help: "Take the prompt as it is; otherwise it is one user turn in the model's chat format.")
  var raw = false

  @Option(help: ArgumentHelp("A picture; not supported yet.", valueName: "file"))
  var image: [String] = []

  @Option(help: ArgumentHelp("The mmproj of a text GGUF; not supported yet.", valueName: "file"))
  var vision: String?

  func validate() throws {
    if !image.isEmpty || vision != nil {
      throw ValidationError("Pictures are not supported yet: leave out --image and --vision.")
    }
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
  var topK = 0

  @Option(
    help: ArgumentHelp("Draw only among the likeliest tokens that reach this probability together.", valueName: "p"))
  var topP: Float = 1

  @Option(help: ArgumentHelp("The seed of drawing; the same seed gives the same text.", valueName: "n"))
  var seed: UInt64 = 0

  @OptionGroup var common: CommonOptions

  func validate() throws {
    if tokens < 1 { throw ValidationError("--tokens must be at least 1.") }
    if !(temperature >= 0 && temperature.isFinite) { throw ValidationError("--temperature must be 0 or above.") }
    if topK < 0 { throw ValidationError("--top-k must be 0 or above.") }
    if !(topP > 0 && topP <= 1) { throw ValidationError("--top-p must be above 0 and at most 1.") }
  }

  func run() throws {
    let opened = try OpenedModel(model)
    let input = try opened.promptTokens(prompt.prompt, raw: prompt.raw)
    let room = opened.model.contextLength - input.count
    guard room > 0 else {
      throw CheckpointError(
        .mismatch, "the prompt has \(input.count) tokens and the model's context is \(opened.model.contextLength)")
    }
    let limit = min(tokens, room)
    var session = Session(
      model: opened.model, compute: Compute(threads: common.threadCount), capacity: input.count + limit)
    var sampler = Sampler(temperature: temperature, topK: topK, topP: topP, seed: seed)
    var decoder = StreamingDecoder(opened.tokenizer)

    let start = monotonicSeconds()
    try session.read(input)
    let prompted = monotonicSeconds()
    let generated = try session.generate(limit, sampler: &sampler, stop: opened.stopTokens) { token in
      let piece = decoder.append(token)
      if !common.json { printPart(piece) }
      return true
    }
    let end = monotonicSeconds()
    let promptRate = Double(input.count) / max(prompted - start, 1e-9)
    let rate = Double(generated.count) / max(end - prompted, 1e-9)
    if common.json {
      printJSON(
        jsonObject([
          ("text", .string(opened.tokenizer.decode(generated))),
          ("prompt_tokens", .array(input.map { .integer(Int64($0)) })),
          ("tokens", .array(generated.map { .integer(Int64($0)) })),
          ("prompt_tokens_per_second", .number(promptRate)), ("tokens_per_second", .number(rate)),
          ("model", .string(opened.name)),
        ]))
    } else {
      printLine(decoder.finish())
      if !common.quiet {
        printNote("\(fixed(rate, 1)) tokens/s generated, \(fixed(promptRate, 1)) tokens/s read")
      }
    }
  }
}
