import Architectures
import Containers
import Engine
import Runtime

/// The mapped weights of a model, to be given back when they are not wanted for a while.
///
/// Several models that take turns (layer by layer in ``WindowWalk``, one after another in ``Continuations``) would otherwise stand in memory
/// whole, side by side. What is given back stays in the system's cache
/// as long as there is room, and is mapped again when it is touched.
package struct ResidentWeights: Sendable {
  private let layers: [[TensorEntry]]
  private let others: [TensorEntry]

  package init(_ opened: OpenedModel) {
    var layers = [[TensorEntry]](repeating: [], count: opened.model.layerCount)
    var others: [TensorEntry] = []
    for rule in opened.architecture.rules {
      guard let entry = rule.entry(in: opened.checkpoint) else { continue }
      if let layer = TensorName.layer(of: rule.name(in: .gguf)), layers.indices.contains(layer) {
        // Experts of a stack share its entry.
        if layers[layer].last?.name != entry.name { layers[layer].append(entry) }
      } else {
        others.append(entry)
      }
    }
    self.layers = layers
    self.others = others
  }

  /// Gives back the weights of one decoder layer.
  package func release(layer: Int) { for entry in layers[layer] { entry.release() } }

  /// Gives back all weights.
  package func release() { for entry in layers.joined() + others { entry.release() } }
}
