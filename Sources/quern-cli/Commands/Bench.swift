import ArgumentParser
import Quants
import Base

/// `quern bench`: the speed of the loops that carry quern, as ratios to what this machine can do.
struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure kernels against this machine's limits.",
    discussion: """
      Matrix products are given as a share of the f32 peak that a loop of multiply-adds on registers reaches, codecs as a \
      share of copying the bytes they read and write. Figures are the best of several interleaved rounds.
      """)

  @Option(help: ArgumentHelp("Only rows whose name contains this.", valueName: "name"))
  var filter: String?

  @Flag(help: "Measure every instruction set this machine has, not only the best.")
  var allLevels = false

  @OptionGroup var common: CommonOptions

  /// What rows are called, for a filter that finds none.
  private static let names = """
    fma peak, product TYPE T=512 1024x4096, product TYPE T=512 4096x1024, product TYPE T=1 4096x16384, memcpy, \
    encode TYPE, decode TYPE, BF16 to Q8_0, BF16 to Q4_0, finite F32, finite BF16
    """

  func run() throws {
    var rows: [BenchRow] = []
    var table = Table([
      ("what", .left), ("level", .left), ("threads", .right), ("speed", .right), ("of", .left), ("share", .right),
    ])
    let levels = allLevels ? Kernels.available : [Kernels.best]
    try KernelBench.run(filter: filter, levels: levels, threads: common.threadCount) { row in
      rows.append(row)
      table.add([
        row.name, row.level, String(row.threads), "\(fixed(row.value, 2)) \(row.unit)", row.limit ?? "",
        row.ratio.map { fixed($0 * 100, 0) + "%" } ?? "",
      ])
      if !common.quiet { printNote("\(row.name) (\(row.level)): \(fixed(row.value, 2)) \(row.unit)") }
    }
    if rows.isEmpty {
      throw ValidationError("--filter: no row has \(filter ?? "") in its name; there are \(Self.names).")
    }
    if common.json {
      printJSON(jsonObject([("rows", .array(rows.map(Self.json)))]))
    } else {
      printLine(table.text)
    }
  }

  private static func json(_ row: BenchRow) -> OrderedJSON {
    jsonObject([
      ("name", .string(row.name)), ("level", .string(row.level)), ("threads", .integer(Int64(row.threads))),
      ("value", .number(row.value)), ("unit", .string(row.unit)),
      ("limit", row.limit.map { .string($0) } ?? .null), ("ratio", row.ratio.map { .number($0) } ?? .null),
    ])
  }
}
