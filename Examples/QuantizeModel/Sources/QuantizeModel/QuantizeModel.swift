import Quern

/// QuantizeModel MODEL RECIPE OUTPUT [SECONDS]: packs a model's weights into fewer bits, within a time.
@main struct QuantizeModel {
  static func main() throws {
    let words = CommandLine.arguments
    guard words.count > 3 else { return print("QuantizeModel MODEL RECIPE OUTPUT [SECONDS]") }
    let deadline = ContinuousClock.now + .seconds(words.count > 4 ? Double(words[4]) ?? 0 : 3600)

    let model = try Model(words[1])
    print("\(model.architecture): \(model.parameterCount) weights, \(model.bitsPerWeight) bits each")
    let plan = try model.quantizationPlan(WeightRecipe(named: words[2]), output: OutputOptions(path: words[3]))
    for output in plan.outputs { print("\(output.path): \(output.tensors.count) tensors, \(output.byteCount) bytes") }

    var shown = 0
    do {
      try plan.run { progress in
        guard Int(progress.fraction * 10) > shown else { return }
        shown = Int(progress.fraction * 10)
        print("\(shown * 10) %")
      } isCancelled: {
        ContinuousClock.now > deadline
      }
    } catch {
      guard error.kind == .cancelled else { throw error }
      print("cancelled; nothing was written")
    }
  }
}
