import ArgumentParser
import Quants
import Base
import Runtime

/// `quern bench`: the speed of the loops that carry quern and of whole models, as ratios to what this machine can do.
struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure kernels, or a model, against this machine's limits.",
    discussion: """
      Matrix products are given as a share of the f32 peak that a loop of multiply-adds on registers reaches, codecs as a \
      share of copying the bytes they read and write. Figures are the best of several interleaved rounds.

      Of a MODEL two things are measured, as llama-bench does: reading a prompt of 512 tokens, against the f32 peak (the \
      multiply-adds of its products with weights are what counts), and 32 tokens one after another, against reading \
      memory (the bytes of weights that a token takes).
      """)

  @Argument(help: "A model to measure instead of the kernels.")
  var model: String?

  @Option(help: ArgumentHelp("Only rows whose name contains this.", valueName: "name"))
  var filter: String?

  @Option(help: ArgumentHelp("How often a model is run, 3 times unless given.", valueName: "n"))
  var rounds: Int?

  @Flag(help: "Measure every instruction set this machine has, not only the best.")
  var allLevels = false

  @OptionGroup var common: CommonOptions

  /// What rows are called, for a filter that finds none.
  private var names: String {
    model == nil
      ? """
      fma peak, reading memory, product TYPE T=512 1024x4096, product TYPE T=512 4096x1024, product TYPE T=1 4096x16384, \
      memcpy, encode TYPE, decode TYPE, BF16 to Q8_0, BF16 to Q4_0, finite F32, finite BF16
      """ : "fma peak, reading memory, prompt 512, generation 32"
  }

  func validate() throws {
    if let rounds {
      if rounds < 1 { throw ValidationError("--rounds must be at least 1.") }
      if model == nil { throw ValidationError("--rounds goes with a MODEL.") }
    }
  }

  func run() throws {
    let levels = allLevels ? Kernels.available : [Kernels.best]
    let opened = try model.map { try OpenedModel($0) }
    printNotes(opened?.notes ?? [], quiet: common.quiet)
    var rows: [BenchRow] = []
    let add = { (row: BenchRow) in
      rows.append(row)
      if !common.quiet { printNote("\(row.name) (\(row.level)): \(fixed(row.value, 2)) \(row.unit)") }
    }
    if let opened {
      try ModelBench.run(
        opened, filter: filter, levels: levels, threads: common.threadCount, size: ModelBench.Size(rounds: rounds ?? 3),
        report: add)
    } else {
      try KernelBench.run(filter: filter, levels: levels, threads: common.threadCount, report: add)
    }
    if rows.isEmpty {
      throw ValidationError("--filter: no row has \(filter ?? "") in its name; there are \(names).")
    }
    if common.json {
      printJSON(
        jsonObject([
          ("processor", Processor.name.map { .string($0) } ?? .null), ("level", .string(Kernels.best.name)),
          ("threads", .integer(Int64(common.threadCount))), ("model", opened.map { .string($0.name) } ?? .null),
          ("rows", .array(rows.map(Self.json))),
        ]))
    } else {
      printLine(
        "\(Processor.name.map { "\($0), " } ?? "")\(Kernels.best.name), \(counted(common.threadCount, "thread"))")
      printLine(Self.table(rows))
      for row in rows where row.work != nil { printLine(Self.sentence(row)) }
    }
  }

  private static func table(_ rows: [BenchRow]) -> TerminalText {
    let hasMedians = rows.contains { $0.median != nil }
    var table = Table(
      [("what", .left), ("level", .left), ("threads", .right), ("speed", .right)]
        + (hasMedians ? [("median", .right)] : []) + [("of", .left), ("share", .right)])
    for row in rows {
      let median = row.median.map { fixed($0, 2) } ?? ""
      table.add(
        [row.name, row.level, String(row.threads), "\(fixed(row.value, 2)) \(row.unit)"]
          + (hasMedians ? [median] : [])
          + [row.limit ?? "", row.ratio.map { fixed($0 * 100, 0) + "%" } ?? ""])
    }
    return table.text
  }

  /// What the share of a whole model counts.
  private static func sentence(_ row: BenchRow) -> TerminalText {
    let work = row.work ?? TokenWork(weightBytes: 0, multiplyAdds: 0)
    return """
      \(row.name): a token takes \(fixed(work.multiplyAdds * 1e-6, 1)) million multiply-adds of products with weights and \
      reads \(fixed(work.weightBytes * 1e-6, 1)) MB of weights
      """
  }

  private static func json(_ row: BenchRow) -> OrderedJSON {
    var members: [(String, OrderedJSON)] = [
      ("name", .string(row.name)), ("level", .string(row.level)), ("threads", .integer(Int64(row.threads))),
      ("value", .number(row.value)), ("unit", .string(row.unit)),
      ("limit", row.limit.map { .string($0) } ?? .null), ("ratio", row.ratio.map { .number($0) } ?? .null),
    ]
    if let median = row.median, let work = row.work {
      members += [
        ("median", .number(median)), ("weight_bytes_per_token", .number(work.weightBytes)),
        ("multiply_adds_per_token", .number(work.multiplyAdds)),
      ]
    }
    return jsonObject(members)
  }
}
