import ArgumentParser
import Base
import Conversion
import Engine
import Evaluation
import Quants
import Runtime

/// `quern trace`: everything the model computed for a prompt.
struct TraceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "trace",
    abstract: "Write token ids, positions, the hidden state after every layer, and the logits.",
    discussion: """
      The output is a safetensors file: input_ids (I32), position_ids (I32 [3, T]), layer.N (F32 [T, hidden], behind \
      decoder layer N) and logits (F32 [T, vocabulary]). With pictures also pixel_values, grid_thw (I32), \
      vision.patch_embed, vision.block.N and vision.merged.
      """)

  @Argument(help: "The model.")
  var model: String

  @OptionGroup var prompt: PromptOptions
  @OptionGroup var running: PrecisionOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var common: CommonOptions

  func validate() throws {
    if output.output == nil { throw ValidationError("Name the file to write with --output.") }
  }

  func run() throws {
    let path = output.output ?? ""
    var check = try OutputCheck(sources: [model], overwrite: output.overwrite)
    try check.file(path)
    let opened = try OpenedModel(model)
    printNotes(opened.notes, quiet: common.quiet)
    let compute = Compute(threads: common.threadCount, precision: running.precision)
    let (trace, reader): (Trace, PictureReader?)
    do {
      (trace, reader) = try makeTrace(opened, compute)
    } catch let error as CheckpointError {
      throw error.in(file: opened.name)
    }
    try trace.write(to: path, overwrite: output.overwrite)
    // A trace is how one finds where numbers go wrong, so that it is written all the same.
    if case .float32(let logits)? = trace["logits"]?.value, (try? LogitCheck.check(logits)) == nil {
      let place = opened.explained(LogitCheck.failure)
      printNote("note: \((reader?.explained(place) ?? place).in(file: opened.name).told)")
    }
    if common.json {
      let tensors = trace.tensors.map { tensor in
        jsonObject([
          ("name", .string(tensor.name)), ("shape", .array(tensor.shape.map { .integer(Int64($0)) })),
        ])
      }
      printJSON(
        jsonObject([
          ("output", .string(path)), ("tensors", .array(tensors)), ("precision", .string(compute.precision.rawValue)),
          ("kernels", .string(compute.kernels.kernels.name)),
        ]))
    } else {
      printLine(
        "\(path): \(trace.tensors.count) tensors for \(counted(trace["input_ids"]?.shape.first ?? 0, "token"))"
      )
    }
  }

  private func makeTrace(_ opened: OpenedModel, _ compute: Compute) throws -> (Trace, PictureReader?) {
    if let (prompt, reader) = try prompt.pictures(opened, quiet: common.quiet) {
      return (try Trace(prompt, reader: reader, model: opened.model, compute: compute), reader)
    }
    let tokens = try opened.promptTokens(prompt.prompt, raw: prompt.raw)
    return (try Trace(tokens, model: opened.model, compute: compute), nil)
  }
}
