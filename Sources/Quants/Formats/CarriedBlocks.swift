// Block formats that programs compute with and no file of weights uses: they can be shown, copied and moved between
// containers. Sizes are those of formats/quants.tsv.

package enum Q8_1: QuantFormat {
  package static let name = "Q8_1"
  package static let ggufID: UInt32? = 9
  package static let blockElements = 32
  package static let blockBytes = 36
  package static let scalePlaces = ScalePlaces.halves(at: [0, 2])
}

package enum Q8_K: QuantFormat {
  package static let name = "Q8_K"
  package static let ggufID: UInt32? = 15
  package static let blockElements = 256
  package static let blockBytes = 292
  package static let scalePlaces = ScalePlaces.single(at: 0)
}
