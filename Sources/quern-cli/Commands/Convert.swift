import ArgumentParser
import Conversion
import Quants
import Base

/// What `convert` and `quantize` share.
struct WritingOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Where the mmproj goes; beside the output by the naming convention unless given.", valueName: "path"))
  var visionOutput: String?

  @Option(
    help: ArgumentHelp(
      "The type of the vision encoder's matrices; convert takes --type unless given, quantize F16.", valueName: "type"))
  var visionType: String?

  @Flag(help: "Leave out the vision encoder.")
  var noVision = false

  @Flag(help: "Leave out the multi-token-prediction block.")
  var noMtp = false

  @Option(
    help: ArgumentHelp(
      "Leave out tensors that have no place in the model and whose name matches a regular expression; repeatable.",
      valueName: "pattern"))
  var leaveOut: [String] = []

  @Option(
    help: ArgumentHelp("Split the output into files of at most this size, for example 2G or 500M.", valueName: "size"))
  var splitSize: String?

  @Option(help: ArgumentHelp("Write SHA-256 sums of every file and tensor, computed on the way.", valueName: "file"))
  var checksums: String?

  @Flag(help: "Print the whole plan and write nothing.")
  var dryRun = false

  func validate() throws {
    if noVision, visionOutput != nil { throw ValidationError("--no-vision and --vision-output exclude each other.") }
    if noVision, visionType != nil { throw ValidationError("--no-vision and --vision-type exclude each other.") }
    if let splitSize, (try? ByteSize.parse(splitSize)) == nil {
      throw ValidationError("--split-size \(splitSize) is not a size; write for example 500M or 4.5G.")
    }
  }

  /// Fills in what both commands take.
  func apply(to options: inout ConversionOptions, _ output: OutputOptions) throws {
    options.output = output.output
    options.overwrite = output.overwrite
    options.visionOutput = visionOutput
    if let visionType { options.visionType = try tensorType(visionType, option: "--vision-type") }
    options.vision = !noVision
    options.mtp = !noMtp
    options.leaveOut = leaveOut
    options.splitSize = try splitSize.map { text throws(CheckpointError) in try ByteSize.parse(text) }
    options.checksums = checksums
  }

  /// Refuses what a plan leaves no place for: an option that does nothing was meant to do something.
  func check(_ plan: Plan) throws {
    guard let visionOutput, !plan.files.contains(where: { $0.path == visionOutput }) else { return }
    throw ValidationError(
      "--vision-output is for a folder whose vision encoder becomes an mmproj; here no vision encoder is written to a file of its own."
    )
  }
}

/// The containers `convert` writes.
enum TargetName: String, ExpressibleByArgument, CaseIterable {
  case gguf
  case safetensors
}

/// A tensor type named on the command line, one that can be written.
func tensorType(_ name: String, option: String) throws -> TensorType {
  let type = TensorType(name: name)
  if let type, type.isWritable { return type }
  let names = TensorType.writable.map(\.name).joined(separator: ", ")
  if let type { throw ValidationError("\(option): \(type.name) can only be copied; there are \(names).") }
  let near = Recipe.types(meantBy: name)
  if near.isEmpty || Recipe.available.contains(name.uppercased()), let recipe = Recipe.meant(by: name).first {
    throw ValidationError(
      "\(option): \(recipe) is a recipe, which mixes types: quern quantize SOURCE \(recipe); types are \(names).")
  }
  throw ValidationError("\(option): there is no type \(name)\(offer(near)); there are \(names).")
}

/// `quern convert`: another container, and plain types.
struct Convert: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a model in another container.",
    discussion: """
      A Hugging Face folder becomes a GGUF, with an mmproj GGUF beside it for the vision encoder; a GGUF becomes a Hugging Face \
      folder with --to safetensors (name a text GGUF and its mmproj as SOURCE,SOURCE to join them), and so does a folder, with \
      the names, shards and documents that its family publishes. One pass, bounded memory; the output appears when it is \
      complete.
      """)

  @Argument(help: "The model; several GGUFs separated by commas.")
  var source: String

  @Option(help: "The container to write: gguf unless given.")
  var to: TargetName?

  @Option(help: ArgumentHelp("f32, f16, bf16, q8_0, …, or source to keep what is there.", valueName: "type"))
  var type = "source"

  @OptionGroup var output: OutputOptions
  @OptionGroup var writing: WritingOptions
  @OptionGroup var common: CommonOptions

  func run() throws {
    if to != .gguf, let path = output.output, path.hasSuffix(".safetensors") {
      throw ValidationError(
        "--to safetensors writes a folder, and \(path) is the name of a file; name the folder, for example "
          + "--to safetensors --output \(path.dropLast(".safetensors".count)).")
    }
    let wanted = type.lowercased() == "source" ? nil : try tensorType(type, option: "--type")
    var options = ConversionOptions.convert(to: wanted)
    options.target = to == .safetensors ? .safetensors : .gguf
    try writing.apply(to: &options, output)
    let plan = try Conversion.plan(source: source, options: options, threads: common.threadCount)
    try writing.check(plan)
    try PlanReport.carryOut(plan, dryRun: writing.dryRun, common: common)
  }
}
