import Evaluation

/// Where it was lost: layer by layer, tensor by tensor.
extension ReportPage {
  var layersAndTensors: Section {
    Section(id: "where", title: "Where it was lost", content: layers + tensors)
  }

  // MARK: Layers

  private var layers: HTML {
    let known = validation.after.indices.filter { !validation.after[$0].layers.isEmpty }
    guard !known.isEmpty else { return "" }
    let hasOwn = known.contains { validation.after[$0].layers.contains { $0.own != nil } }
    let words = known.map { place in
      let last = validation.after[place].layers.last?.accumulated.medianError ?? 0
      return "\(names.tags[place]) ends at \(Shown.number(last))"
    }
    return "<h3>Layer by layer</h3>\n<figure>" + lineKey(known)
      + Plot.both(
        title: "Relative error of the hidden states after each layer",
        description:
          "Layers across, the median token's relative error upwards on a logarithmic scale: \(words.joined(separator: "; "))."
      ) { drawLayers($0, $1, known) }
        + """
        <figcaption>The median token's relative error behind each layer: circles are full attention, squares linear attention, the diamond \
        is the embedding. \(hasOwn ? "Dotted: the layer's own error, fed with what the original fed it. " : "" as HTML)A steady rise is \
        rounding that adds up, and the first layer may rise steeply; an alarm names a layer whose step is a fault.</figcaption></figure>

        """ + layerTables(known, hasOwn)
  }

  /// What the lines stand for: their marks tell the kinds of layers.
  private func lineKey(_ known: [Int]) -> HTML {
    guard known.count > 1 else { return "" }
    let items = known.map { place in
      """
      <li><svg class="in" viewBox="0 0 16 16" aria-hidden="true"><path class="w w\(place % Mark.count)" d="M0 8L16 8"/></svg>\
      \(names.tags[place])</li>
      """ as HTML
    }
    return "<ul class=key>\(items)</ul>"
  }

  private func drawLayers(_ width: Double, _ isNarrow: Bool, _ known: [Int]) -> Plot {
    let height = isNarrow ? 300.0 : 380
    let (left, right, bottom) = (isNarrow ? 54.0 : 68, width - (isNarrow ? 10 : 130), height - 46)
    let all = known.flatMap { validation.after[$0].layers }
    let x = Axis(linear: all.map { Double($0.layer) }, from: left, to: right, room: 0.02)
    let y = Axis(
      logarithmic: all.flatMap { [$0.accumulated.medianError, $0.own?.medianError ?? 0] }.filter { $0 > 1e-9 },
      from: bottom, to: 14,
      room: 0.08)
    var plot = Plot(width: width, height: height)
    plot.rows(y, across: left...right, 6) { Shown.number($0, 1) }
    plot.columns(x, across: 14...bottom, isNarrow ? 5 : 12) { $0 < 0 ? "" : fixed($0, 0) }
    plot.text(left, height - 6, "layer", .start, "axis")
    plot.line(left, bottom, right, bottom, "base")
    var ends: [(place: Int, y: Double)] = []
    for place in known {
      let layers = validation.after[place].layers
      let own = layers.filter { ($0.own?.medianError ?? 0) > 0 }.map {
        (x.at(Double($0.layer)), y.at($0.own?.medianError ?? 0))
      }
      plot.path(own, "w d w\(place % Mark.count)")
      plot.path(layers.map { (x.at(Double($0.layer)), y.at($0.accumulated.medianError)) }, "w w\(place % Mark.count)")
      for layer in layers {
        let shape = layer.kind == .embedding ? 3 : layer.kind == .attention ? 0 : 1
        plot.mark(
          x.at(Double(layer.layer)), y.at(layer.accumulated.medianError), shape: shape, series: place,
          size: isNarrow ? 3.5 : 4.5)
      }
      if let last = layers.last { ends.append((place, y.at(last.accumulated.medianError) + 4)) }
    }
    if !isNarrow, known.count > 1 {
      for (end, height) in zip(ends, Plot.apart(ends.map(\.y), 15, within: 18...bottom)) {
        plot.text(right + 10, height, ModelNames.cut(names.tags[end.place], to: 16), .start, "name")
      }
    }
    return plot
  }

  private func layerTables(_ known: [Int], _ hasOwn: Bool) -> HTML {
    var result: HTML = ""
    for place in known {
      var columns: [(String, PageTable.Alignment)] = [
        ("layer", .left), ("kind", .left), ("median error", .right), ("relative error", .right), ("largest", .right),
        ("mean cosine", .right), ("least cosine", .right),
      ]
      if hasOwn { columns.append(("own median error", .right)) }
      var table = PageTable("Hidden states behind each layer against the original's, over all positions.", columns)
      for layer in validation.after[place].layers {
        let error = layer.accumulated
        var cells: [HTML] = [
          layer.layer < 0 ? "embedding" : "\(layer.layer)",
          layer.kind == .embedding ? "" : "\(layer.kind.words)",
          "\(Shown.number(error.medianError))", "\(Shown.number(error.relativeError))",
          "\(Shown.number(error.largestError))",
          "\(Shown.number(error.meanCosine, 6))", "\(Shown.number(error.leastCosine, 6))",
        ]
        if hasOwn { cells.append("\(layer.own.map { Shown.number($0.medianError) } ?? "–")") }
        table.add(cells)
      }
      result += Self.folded(
        "Layers in numbers\(known.count > 1 ? ": \(marked(place))" : "" as HTML)", table.markup(id: "layers-\(place)"))
    }
    return result
  }

  // MARK: Tensors

  /// Rows that are seen at once, and those that a page carries; a document has all.
  private static let (openTensors, allTensors) = (20, 240)

  private var tensors: HTML {
    let known = validation.after.indices.filter { !validation.after[$0].tensors.isEmpty }
    guard !known.isEmpty else { return "" }
    var result: HTML = """
      <h3>Tensor by tensor</h3>
      <p>How far the stored weights are from the original's, layout changes undone: a plain conversion gives zero.</p>

      """
    for place in known {
      let all = validation.after[place].tensors
      let first = tensorTable(
        all.prefix(Self.openTensors), "Of \(all.count) tensors, the worst.", id: "tensors-\(place)")
      let rest = all.dropFirst(Self.openTensors).prefix(max(0, Self.allTensors / known.count))
      var more: HTML = ""
      if !rest.isEmpty {
        let caption: HTML =
          rest.count + Self.openTensors < all.count ? "The next \(rest.count); the JSON report has all." : "All others."
        more = Self.folded("\(rest.count) more", tensorTable(rest, caption, id: "rest-\(place)"))
      }
      result += known.count == 1 ? first + more : Self.folded(marked(place), isOpen: place == known.first, first + more)
    }
    return result
  }

  private func tensorTable(_ tensors: ArraySlice<TensorDifference>, _ caption: HTML, id: String) -> HTML {
    var table = PageTable(
      caption,
      [
        ("tensor", .left), ("before", .left), ("after", .left), ("weights", .right), ("relative error", .right),
        ("cosine", .right),
        ("largest error", .right),
      ])
    for tensor in tensors {
      table.add([
        "<span class=name>\(tensor.name)</span>", "\(tensor.typeBefore)", "\(tensor.typeAfter)",
        "\(grouped(UInt64(max(0, tensor.count))))",
        "\(Shown.number(tensor.relativeError))", "\(Shown.number(tensor.cosine, 6))",
        "\(Shown.number(tensor.largestError))",
      ])
    }
    return table.markup(id: id)
  }
}
