import Evaluation
import Base

/// Where a model lost something, in two lines for a terminal.
enum DriftSummary {
  static func lines(_ result: Validation.Result) -> [TerminalText] {
    [layers(result), tensors(result)].compactMap { $0 }
  }

  /// The layer in which the drift grows most, or, where layers were run by themselves, the one that errs most.
  private static func layers(_ result: Validation.Result) -> TerminalText? {
    guard let last = result.layers.last?.accumulated else { return nil }
    guard result.layers.contains(where: { $0.accumulated.relativeError > 0 }) else {
      return "\(result.model.name): the same states behind every layer"
    }
    let steps = zip(result.layers, result.layers.dropFirst())
    func growth(_ step: (LayerDrift, LayerDrift)) -> Double {
      step.1.accumulated.medianError - step.0.accumulated.medianError
    }
    guard let step = steps.max(by: { growth($0) < growth($1) }) else { return nil }
    let own = result.layers.dropFirst().compactMap { layer in layer.own.map { (layer, $0.medianError) } }
    let worst = own.max { $0.1 < $1.1 }
    let alone: TerminalText = worst.map { "; by itself, layer \($0.0.layer) errs most (\(fixed($0.1, 4)))" } ?? ""
    return "\(result.model.name): the drift grows most in layer \(step.1.layer) (\(step.1.kind.words)), from "
      + "\(fixed(step.0.accumulated.medianError, 4)) to \(fixed(step.1.accumulated.medianError, 4)) of a token, and is "
      + "\(fixed(last.medianError, 4)) behind the last\(alone)"
  }

  /// The three tensors that are furthest off.
  private static func tensors(_ result: Validation.Result) -> TerminalText? {
    let worst = result.tensors.prefix(3).filter { $0.relativeError > 0 }
    guard !result.tensors.isEmpty else { return nil }
    guard !worst.isEmpty else {
      return "\(result.model.name): the same weights in all \(counted(result.tensors.count, "tensor"))"
    }
    let names = worst.map { "\($0.name) \(fixed($0.relativeError, 4)) (\($0.typeAfter))" as TerminalText }
    return "\(result.model.name): weights furthest off: " + names.joined(separator: ", ")
  }
}
