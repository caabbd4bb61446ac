service Shop @(path: '/odata/v4/shop', requires: 'any') {
  entity Things { key id: Integer; name: String; }
}
