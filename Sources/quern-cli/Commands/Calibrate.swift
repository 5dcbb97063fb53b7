import ArgumentParser
import Base
import Calibration
import Containers
import Conversion
import Corpus
import Engine
import Evaluation
import Quants
import Runtime

/// `quern calibrate`: what every tensor of a model is worth.
struct Calibrate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Find out what every tensor of a model is worth, for quantize --calibration.",
    discussion: """
      Runs texts through the model and writes how much every input of every matrix matters, and how far the model's predictions \
      move when one tensor alone has four bits. The file is a GGUF that llama-quantize reads as an importance matrix; \
      quern quantize --calibration also chooses types by it.
      """)

  @Argument(help: "The model, in full precision.")
  var model: String

  @Option(
    help: ArgumentHelp(
      "A text, UTF-8, or a folder of texts; repeatable. Without one, texts that come with the program.",
      valueName: "file|folder"))
  var text: [String] = []

  @Option(
    help: ArgumentHelp(
      "Pictures, PNG or JPEG, or a folder of them; the model is asked what they show, and calibrated on its own answers. Repeatable.",
      valueName: "file|folder"))
  var images: [String] = []

  @Option(help: ArgumentHelp("Tokens of a window, at most 2,048.", valueName: "n"))
  var context = 512

  @Option(
    help: ArgumentHelp(
      "Windows to take in all, from the beginning of each text; about 24,576 tokens, spread over the texts, unless given.",
      valueName: "n"))
  var windows: Int?

  @Option(help: ArgumentHelp("What random choices begin with.", valueName: "n"))
  var seed: UInt64 = 0

  @Flag(help: "Only collect how much inputs matter, as llama-imatrix does.")
  var importanceOnly = false

  @Option(
    help: ArgumentHelp(
      "How to find out what tensors cost: estimated, by one pass back through the model, or measured, tensor by tensor.",
      valueName: "how"))
  var sensitivity = CalibrationRun.Method.estimated

  @OptionGroup var output: OutputOptions
  @OptionGroup var common: CommonOptions

  func validate() throws {
    if !(4...2048).contains(context) { throw ValidationError("--context must be between 4 and 2048.") }
    if let windows, windows < 1 { throw ValidationError("--windows must be at least 1.") }
    if importanceOnly, sensitivity == .measured {
      throw ValidationError("--importance-only and --sensitivity measured exclude each other.")
    }
    if output.output == nil { throw ValidationError("--output FILE says where the calibration goes.") }
  }

  func run() throws {
    let start = monotonicSeconds()
    let calibration = try calibrate()
    let (path, seconds) = (output.output ?? "", monotonicSeconds() - start)
    if common.json {
      printJSON(json(calibration, path: path, seconds: seconds))
    } else {
      printLine(
        "\(path): importance of \(calibration.importance.entries.count) matrices, "
          + "\(counted(calibration.origin.tokenCount, "token")), \(fixed(seconds, 1)) s")
    }
  }

  /// Does it and writes the file.
  func calibrate() throws -> Calibration {
    let path = output.output ?? ""
    var check = try OutputCheck(sources: [model] + text + images, overwrite: output.overwrite)
    try check.file(path)
    let texts = try Self.texts(text)
    let opened = try OpenedModel(model)
    printNotes(opened.notes, quiet: common.quiet)
    if opened.checkpoint.tensors.contains(where: \.type.isBlock) {
      printNotes(
        [
          "this model is quantized already, and its weights lie on the grids of its types: calibrate the original where there is one"
        ],
        quiet: common.quiet)
    }
    let windows = try CalibrationText(texts, of: opened, context: context, windows: windows)
    printNotes(windows.notes, quiet: common.quiet)
    let report = ProgressReport(quiet: common.quiet)
    let shown = try ShownPicture.all(images)
    if !shown.isEmpty { report.begin("looking at \(counted(shown.count, "picture"))") }
    let pictures = try CalibrationPictures(shown, to: opened, Compute(threads: common.threadCount)) { done in
      report.update(done: Double(done), total: Double(shown.count)) { "\(fixed($0, 2)) pictures/s" }
    }
    report.finish()
    let run = CalibrationRun(
      opened, windows, pictures: pictures, context: context, seed: seed, threads: common.threadCount)
    report.begin("calibrating \(opened.name) on \(counted(run.sequences.count, "sequence"))")
    let calibration = try run(importanceOnly ? .none : sensitivity) { progress in
      report.update(done: Double(progress.done), total: Double(progress.total)) {
        progress.stage == .importance ? "inputs, \(fixed($0, 2)) layers/s" : "sensitivity, \(fixed($0, 2)) tensors/s"
      }
    }
    report.finish()
    try calibration.write(to: path, overwrite: output.overwrite)
    printNotes(calibration.gaps, quiet: common.quiet)
    return calibration
  }

  /// The texts that were named, of equal shares, or those that come with the program.
  static func texts(_ paths: [String]) throws(CheckpointError) -> [(text: TextSource, share: Int)] {
    guard !paths.isEmpty else {
      return Corpus.calibration.map { (TextSource(name: $0.name, bytes: $0.bytes), $0.share) }
    }
    let texts = try ComparedTexts(paths)
    for note in texts.notes { printNote("note: \(note)") }
    return texts.sources.map { ($0, 1) }
  }

  private func json(_ calibration: Calibration, path: String, seconds: Double) -> OrderedJSON {
    let origin = calibration.origin
    return .object([
      "model": .string(origin.model), "output": .string(path), "model_sha256": .string(origin.sha256),
      "fingerprint": .string(origin.fingerprint), "method": .string(origin.method),
      "context": .integer(Int64(origin.context)), "windows": .integer(Int64(origin.sequences.count)),
      "tokens": .integer(Int64(origin.tokenCount)),
      "texts": .array(origin.sources.map { .object(["name": .string($0.name), "sha256": .string($0.sha256)]) }),
      "tensors": .array(
        calibration.sensitivities.map {
          .object([
            "name": .string($0.name), "type": .string($0.type.name), "divergence": .number($0.divergence),
          ])
        }), "notes": .array(calibration.gaps.map { .string($0) }), "seconds": .number(seconds),
      "precision": .string(Precision.exact.rawValue), "kernels": .string(Kernels.best.name),
    ])
  }
}

extension CalibrationRun.Method: ExpressibleByArgument {
  package static var allValueStrings: [String] { [estimated, measured].map(\.rawValue) }
}
