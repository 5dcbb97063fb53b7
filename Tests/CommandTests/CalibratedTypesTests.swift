import Base
import Calibration
import Foundation
import TestSupport
import Testing
import quern_cli

/// `quantize --calibration`: types by what they cost, on the command line.
struct CalibratedTypesTests {
  private static let model = Fixtures.path("tiny-qwen3.5")

  @Test(arguments: [
    (["Q4_0", "--calibration", "a", "--importance", "b"], "--calibration and --importance exclude each other"),
    (["Q4_0", "--calibration", "a", "--pure"], "--calibration and --pure exclude each other"),
    (["Q4_0", "--fit", "5M", "--pure"], "--fit and --pure exclude each other"),
    (["Q4_0", "--calibration", "a", "--keep-types", "--fit", "5M"], "--keep-types and --fit exclude each other"),
    (["Q4_0", "--calibration", "a", "--keep-types", "--types-only"], "--keep-types and --types-only exclude"),
    (["Q4_0", "--calibration", "a", "--keep-types", "--candidates", "k"], "--keep-types and --candidates exclude"),
    (["--calibration", "a", "--fit", "5M", "--bits", "4"], "--fit and --bits exclude each other"),
    (["--calibration", "a", "--recipe", "r", "--fit", "5M"], "--recipe FILE and --fit exclude each other"),
    (["--calibration", "a", "--recipe", "r", "--for", "metal"], "--recipe FILE and --for exclude each other"),
    (["Q4_0", "--types-only"], "--types-only goes with --calibration FILE"),
    (["Q4_0", "--for", "metal"], "--for goes with --calibration FILE"),
    (
      ["Q4_0", "--calibration", "a", "--for", "abacus"], "--for: abacus is neither a type nor a runtime; there are arm"
    ),
    (["Q4_0", "--calibration", "a", "--candidates", "x"], "'--candidates"),
    (["--calibration", "a", "--fit", "much"], "--fit much is not a size"),
    (["Q4_0", "--dry-run", "--save-recipe", "r"], "--dry-run prints the recipe and writes nothing"),
    (["--calibration", "a", "--bits", "0"], "--bits must be above 0"), (["--calibration", "a"], "name a recipe"),
  ])
  func `what does not go together`(arguments: [String], words: String) throws {
    let run = try CommandLineRun(["quantize", Self.model] + arguments)
    #expect(run.status == 64 && run.errors.contains(words), "\(run.errors)")
  }

  @Test func `what was predicted stands beside what was measured`() throws {
    let forecast = TypeForecast(rows: [
      .init(name: "a", type: "Q4_K", bytes: 1, divergence: 0.25),
      .init(name: "b", type: "Q8_0", bytes: 1, divergence: nil),
    ])
    let text = ForecastReport.comparison(forecast, try ReportSample.measured.get())
    #expect(text.hasPrefix("predicted divergence 0.250000, measured 0."), "\(text)")
  }

  @Test(arguments: [["--output", "there.gguf"], ["--output", "q.gguf", "--save-recipe", "there.gguf"]])
  func `an output that exists is refused before anything is calibrated`(arguments: [String]) throws {
    let folder = try TemporaryFolder()
    try Data([1]).write(to: URL(fileURLWithPath: folder.file("there.gguf")))
    let run = try CommandLineRun(["quantize", Self.model, "--fit", "5M"] + arguments, in: folder.path)
    #expect(run.status == 64 && run.errors.contains("already exists"), "\(run.errors)")
    #expect(!run.errors.contains("calibrating") && folder.contents == ["there.gguf"])
  }

  @Test func `an importance matrix is told from a calibration`() throws {
    let matrix = Fixtures.path("golden/tiny-qwen3.5/imatrix.gguf")
    let run = try CommandLineRun(["quantize", Self.model, "Q4_0", "--calibration", matrix, "--dry-run"])
    #expect(run.status == 2 && run.errors.contains("takes it as --importance FILE"), "\(run.errors)")
  }

  @Test func `a calibrated quantization is shown and written`() throws {
    let folder = try TemporaryFolder()
    func quern(_ arguments: [String]) throws -> CommandLineRun {
      try CommandLineRun(arguments + ["--quiet"], in: folder.path)
    }
    let text = Fixtures.path("text/persuasion.txt")
    let made = try quern(
      ["calibrate", Self.model, "--text", text, "--context", "32", "--windows", "1", "--output", "cal.gguf"])
    try #require(made.status == 0, "\(made.errors)")
    let base = ["quantize", Self.model, "--calibration", "cal.gguf", "--no-vision"]
    let shown = try quern(base + ["Q3_K_M", "--dry-run", "--json"])
    try #require(shown.status == 0, "\(shown.errors)")
    let plan = try shown.json()
    let types = try #require(plan["types"]?.arrayValue)
    let shares = types.compactMap { $0["share"]?.doubleValue }
    #expect(types.count == 71 && abs(shares.reduce(0, +) - 1) < 1e-9)
    #expect(try #require(plan["bytes_out"]?.doubleValue) <= #require(plan["budget"]?.doubleValue))
    let predicted = try #require(plan["predicted_divergence"]?.doubleValue)
    let table = try quern(base + ["Q3_K_M", "--dry-run"])
    #expect(table.output.contains("of the divergence") && table.output.contains("predicted divergence 0."))
    // The recipe's own types are expected to do worse.
    let kept = try quern(base + ["Q3_K_M", "--keep-types", "--dry-run", "--json"]).json()
    #expect(try #require(kept["predicted_divergence"]?.doubleValue) > 1.5 * predicted && kept["budget"]?.isNull == true)
    let fit = try quern(
      base + ["--fit", "4100K", "--for", "vulkan", "--types-only", "--output", "q.gguf", "--json"])
    try #require(fit.status == 0, "\(fit.errors)")
    #expect(try fit.json()["budget"]?.intValue == 4_100_000)
    let size = try #require(try FileManager.default.attributesOfItem(atPath: folder.file("q.gguf"))[.size] as? Int)
    #expect(size <= 4_100_000 && size > 4_090_000)
    let small = try quern(base + ["--bits", "1"])
    #expect(small.status == 64 && small.errors.contains("1.0 bits per weight are too few; the least is 2."))
    // Another model's.
    let other = try quern(["quantize", "q.gguf", "Q2_K", "--calibration", "cal.gguf"])
    #expect(other.status == 2 && other.errors.contains("was made from another model"), "\(other.errors)")
  }
}
