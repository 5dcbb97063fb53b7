import Calibration
import Conversion
import Containers
import Quants
import Base

/// A plan and its run as text and as JSON.
enum PlanReport {
  /// The plan for a reader: every tensor, then the sums, and what the types are expected to cost where that is known.
  static func text(_ plan: Plan, _ forecast: TypeForecast? = nil) -> TerminalText {
    var lines: [TerminalText] = []
    for file in plan.files {
      var table = Table([
        ("tensor", .left), ("type", .left), ("shape", .left), ("bytes", .right), ("bits/weight", .right),
        ("from", .left), ("", .left),
      ])
      for tensor in file.tensors {
        table.add([
          tensor.name, tensor.type.name, tensor.shape.description, String(tensor.byteCount),
          fixed(quern_cli.bitsPerWeight(UInt64(tensor.byteCount), UInt64(tensor.shape.elementCount)), 3),
          tensor.sources.map { $0.name + " " + $0.type.name }.joined(separator: ", "),
          tensor.note ?? (tensor.guidance == .none ? "" : "by importance"),
        ])
      }
      lines += ["\(file.path)", table.text, ""]
    }
    if let forecast { lines += [ForecastReport.table(forecast), ""] }
    lines += ["\(plan.recipe.text, first: 10_000)"] + sums(plan)
    lines += (plan.told + (forecast?.notes ?? [])).map { "note: \($0)" }
    lines.append("nothing was written")
    return lines.joined(separator: "\n")
  }

  /// Output sizes, and the disk space needed against what is free.
  private static func sums(_ plan: Plan) -> [TerminalText] {
    var lines: [TerminalText] = plan.files.map { file in
      "\(file.path): \(counted(file.tensors.count, "tensor")), \(byteSize(file.bytes)), \(bits(of: file))"
    }
    let free = plan.bytesFree.map { byteSize($0) } ?? "unknown"
    lines.append("\(byteSize(plan.bytesOut)) to write, \(free) free")
    return lines
  }

  /// Bits of one weight of a file, headers left out.
  private static func bitsPerWeight(of file: PlannedFile) -> Double {
    quern_cli.bitsPerWeight(
      file.tensors.reduce(0) { $0 + UInt64($1.byteCount) }, UInt64(file.parameterCount))
  }

  private static func bits(of file: PlannedFile) -> String {
    "\(fixed(bitsPerWeight(of: file), 3)) bits per weight"
  }

  /// Bits of one weight of the text model, which is the first file: a projector beside it keeps more bits and would blur them.
  private static func bitsPerWeight(of plan: Plan) -> Double {
    plan.files.first.map { bitsPerWeight(of: $0) } ?? 0
  }

  /// The plan as a document.
  static func json(_ plan: Plan, _ forecast: TypeForecast? = nil) -> OrderedJSON {
    let files = plan.files.map { file in
      jsonObject([
        ("path", .string(file.path)), ("bytes", jsonCount(file.bytes)),
        ("bits_per_weight", .number(bitsPerWeight(of: file))),
        (
          "tensors",
          .array(
            file.tensors.map { tensor in
              jsonObject([
                ("name", .string(tensor.name)), ("type", .string(tensor.type.name)),
                ("shape", .array(tensor.shape.dimensions.map { .integer(Int64($0)) })),
                ("bytes", .integer(Int64(tensor.byteCount))),
                (
                  "bits_per_weight",
                  .number(quern_cli.bitsPerWeight(UInt64(tensor.byteCount), UInt64(tensor.shape.elementCount)))
                ),
                ("sources", .array(tensor.sources.map { .string($0.name) })),
                ("importance", .bool(tensor.guidance != .none)), ("note", tensor.note.map { .string($0) } ?? .null),
              ])
            })
        ),
      ])
    }
    return jsonObject(
      [
        ("files", .array(files)), ("recipe", .string(plan.recipe.text)),
        ("bits_per_weight", .number(bitsPerWeight(of: plan))), ("bytes_in", jsonCount(plan.bytesIn)),
        ("bytes_out", jsonCount(plan.bytesOut)),
        ("bytes_free", plan.bytesFree.map { jsonCount($0) } ?? .null),
        ("notes", .array((plan.told + (forecast?.notes ?? [])).map { .string($0) })),
      ] + (forecast.map(ForecastReport.members) ?? []))
  }

  /// Runs or only shows a plan, and prints the result; `began` is when the work did, which choosing types is part of, and `proof` then compares what was written with its source.
  static func carryOut(
    _ plan: Plan, forecast: TypeForecast? = nil, dryRun: Bool, common: CommonOptions,
    began: Double = monotonicSeconds(), proof: (() throws -> Validate.Outcome)? = nil
  ) throws {
    if dryRun {
      if common.json { printJSON(json(plan, forecast)) } else { printLine(text(plan, forecast)) }
      // Shown all the same: what it would need is what there is not enough of.
      try plan.check()
      return
    }
    printNotes(plan.told + (forecast?.notes ?? []), quiet: common.quiet)
    let progress = ProgressReport(quiet: common.quiet)
    let report = try plan.run(threads: common.threadCount) { state in
      progress.update(done: Double(state.bytesDone), total: Double(state.bytesTotal)) {
        byteSize(UInt64($0)) + "/s"
      }
    } started: {
      progress.begin("writing \(plan.files.map { "\($0.path) (\(byteSize($0.bytes)))" }.joined(separator: " and "))")
    }
    progress.finish()
    if common.json {
      var document = json(report, plan, forecast, seconds: monotonicSeconds() - began).objectValue ?? [:]
      for (name, value) in forecast.map(ForecastReport.members) ?? [] { document[name] = value }
      // What was written is told, whatever becomes of the proof.
      let outcome = Result { try proof?() }
      if let proved = try? outcome.get() { document["validation"] = proved.document }
      printJSON(.object(document))
      if let failure = try outcome.get()?.failure { throw failure }
    } else {
      for file in report.files {
        let figure = planned(file.path, in: plan).map { ", " + bits(of: $0) } ?? ""
        printLine("\(file.path): \(byteSize(file.bytes))\(figure)")
      }
      for file in plan.files where !report.files.contains(where: { planned($0.path, in: plan)?.path == file.path }) {
        printLine("\(file.path): \(bits(of: file)) over all its files")
      }
      let rate = byteSize(UInt64(Double(report.bytesIn) / max(report.seconds, 1e-9)))
      let before: TerminalText = forecast == nil ? "" : "\(fixed(monotonicSeconds() - began, 1)) s in all; written in "
      printLine("\(before)\(fixed(report.seconds, 2)) s, \(rate)/s read")
      if let outcome = try proof?() {
        printLine("\n\(outcome.text)")
        if let forecast { printLine("\(ForecastReport.comparison(forecast, outcome.validation))") }
        if let failure = outcome.failure { throw failure }
      }
    }
  }

  /// The planned file whose weights are all in a written one; nil for parts of a split one and for documents.
  private static func planned(_ path: String, in plan: Plan) -> PlannedFile? {
    plan.files.first { file in
      var parts = file.paths
      if case .folder = file.container { parts = parts.filter { $0.hasSuffix(".safetensors") } }
      return parts == [path]
    }
  }

  private static func json(
    _ report: ConversionReport, _ plan: Plan, _ forecast: TypeForecast?, seconds: Double
  ) -> OrderedJSON {
    let files = report.files.map { file in
      jsonObject([
        ("path", .string(file.path)), ("bytes", jsonCount(file.bytes)),
        ("bits_per_weight", planned(file.path, in: plan).map { .number(bitsPerWeight(of: $0)) } ?? .null),
        ("sha256", file.sha256.map { .string($0) } ?? .null),
      ])
    }
    return jsonObject([
      ("files", .array(files)), ("bits_per_weight", .number(bitsPerWeight(of: plan))),
      ("bytes_in", jsonCount(report.bytesIn)), ("bytes_out", jsonCount(report.bytesOut)),
      ("seconds", .number(forecast == nil ? report.seconds : seconds)),
      ("notes", .array((plan.told + (forecast?.notes ?? [])).map { .string($0) })),
    ])
  }
}

extension Plan {
  /// What was found out and decided, with the options that decide otherwise.
  fileprivate var told: [String] {
    notes.map { note in
      guard note == recipe.baseNote else { return note }
      return "\(note); --pure \(recipe.name) takes the type \(recipe.name) for everything it fits, and "
        + "--tensor PATTERN=\(recipe.name) for what is named"
    }
  }
}
